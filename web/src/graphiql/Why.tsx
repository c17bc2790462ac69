import { useGraphiQL, type MonacoEditor } from '@graphiql/react';
import { useEffect, useState } from 'react';
import { decorate, icons } from './decorate';
import { type Look, type Note, type Reading, read, type Why as Reason } from './marks';

const nothing: Reading = { whys: [], marks: [] };

/** Says of each field of the answer whether it shows what is stored, by which rule, and what would change that. */
export function Why() {
  const editor = useGraphiQL((state) => state.responseEditor);
  const { whys, marks } = useReading(editor);
  if (whys.length === 0) return null;
  const hidden = whys.filter((w) => w.look !== 'shown');
  const shown = whys.filter((w) => w.look === 'shown');
  const find = (path: string) => {
    const mark = marks.find((m) => m.path === path);
    const position = mark && editor?.getModel()?.getPositionAt(mark.offset);
    if (!editor || !position) return undefined;
    return () => {
      editor.setPosition(position);
      editor.revealLineInCenter(position.lineNumber);
      editor.focus();
    };
  };
  return (
    <section className="why" aria-labelledby="why-title">
      <h2 id="why-title">Why</h2>
      <p className="count">{summary(hidden, shown.length)}</p>
      <ul aria-label="What does not show everything">
        {hidden.map((w) => (
          <Entry key={w.path} why={w} onFind={find(w.path)} />
        ))}
      </ul>
      {shown.length > 0 && (
        <details>
          <summary>{shown.length === 1 ? '1 that is shown' : `${shown.length} that are shown`}</summary>
          <ul aria-label="What is shown">
            {shown.map((w) => (
              <Entry key={w.path} why={w} onFind={undefined} />
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Entry({ why, onFind }: { why: Reason; onFind: (() => void) | undefined }) {
  const notes = why.notes.some((n) => n.outcome !== 'REVEAL') ? why.notes.filter((n) => n.outcome !== 'REVEAL') : why.notes;
  const [first] = notes;
  return (
    <li className={`entry ${why.look}`}>
      <p className="head">
        <span className="badge">
          <span aria-hidden="true">{icons[why.look]}</span> {why.look === 'varies' ? 'for some' : why.look}
        </span>
        <code>{why.path}</code>
        {onFind && (
          <button type="button" onClick={onFind} aria-label={`Show ${why.path} in the answer`}>
            Show
          </button>
        )}
        {first && <span className="field">{first.field}</span>}
      </p>
      {notes.map((n) => (
        <Sentence key={n.outcome + n.reason} note={n} />
      ))}
    </li>
  );
}

function Sentence({ note }: { note: Note }) {
  return (
    <p className="sentence">
      {sentence(note.text)} <span className="rule">{note.rule} · {note.reason}</span>
      {note.remedy && <span className="remedy">{note.remedy}</span>}
    </p>
  );
}

function sentence(text = ''): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function summary(hidden: Reason[], shown: number): string {
  const count = (look: Look) => hidden.filter((w) => w.look === look).length;
  const parts = [
    [count('masked'), 'masked'],
    [count('withheld'), 'withheld'],
    [count('varies'), 'hidden for some'],
    [shown, 'shown'],
  ] as const;
  return parts
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n} ${word}`)
    .join(' · ');
}

/** Reads the answer whenever another one is displayed, and marks it. */
function useReading(editor: MonacoEditor | undefined): Reading {
  const [reading, setReading] = useState(nothing);
  useEffect(() => {
    if (!editor) return;
    const marking = editor.createDecorationsCollection();
    const look = () => {
      const model = editor.getModel();
      const next = model ? read(model.getValue()) : nothing;
      if (model) marking.set(decorate(model, next));
      setReading(next);
    };
    look();
    const listeners = [editor.onDidChangeModelContent(look), editor.onDidChangeModel(look)];
    return () => {
      for (const l of listeners) l.dispose();
      marking.clear();
    };
  }, [editor]);
  return reading;
}
