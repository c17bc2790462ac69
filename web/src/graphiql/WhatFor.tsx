import { useGraphiQL, type MonacoEditor } from '@graphiql/react';
import { useEffect, useRef, useState } from 'react';
import { choosePurpose, purposeAt } from './purpose';
import type { Context, Role } from './server';

interface Props {
  context: Context;
  role: Role | undefined;
  sample: string;
}

const bases: Record<string, string> = {
  CONSENT: 'consent',
  CONTRACT: 'contract',
  LEGAL_OBLIGATION: 'legal obligation',
  VITAL_INTERESTS: 'vital interests',
  PUBLIC_TASK: 'public task',
  LEGITIMATE_INTERESTS: 'legitimate interests',
};

/**
 * The purposes a role works for. Which one is chosen is written in the operation and nowhere else: what is sent is what
 * one reads.
 */
export function WhatFor({ context, role, sample }: Props) {
  const editor = useGraphiQL((state) => state.queryEditor);
  const written = usePurpose(editor);
  const proposed = useRef('');
  useEffect(() => {
    const model = editor?.getModel();
    if (!editor || !model || !sample) return;
    const text = model.getValue();
    if (text.trim() !== '' && text !== proposed.current) return; // what somebody wrote is left alone
    if (text !== sample) replace(editor, 0, text.length, sample);
    proposed.current = sample;
  }, [editor, sample]);

  if (!role) return null;
  const purposes = context.purposes.filter((p) => role.purposes.includes(p.name));
  const chosen = purposes.find((p) => p.name === written);
  return (
    <fieldset className="choice">
      <legend>What for</legend>
      <div className="line">
        <div className="chips">
          {purposes.map((p) => (
            <label key={p.name} className="chip" title={p.description}>
              <input type="radio" name="purpose" checked={p === chosen} disabled={written === undefined} onChange={() => { if (editor) write(editor, p.name); }} />
              <span>{p.name}</span>
            </label>
          ))}
        </div>
        {chosen && (
          <p className="basis">
            {chosen.description} <span>Lawful basis: {bases[chosen.basis] ?? chosen.basis}</span>
          </p>
        )}
      </div>
      <p className="about">{chosen ? `People are told: “${chosen.notice}”` : hint(role, purposes.length, written)}</p>
    </fieldset>
  );
}

function hint(role: Role, choices: number, written: string | null | undefined): string {
  if (written === undefined) return 'Write an operation first; then a click here adds its purpose.';
  if (written !== null) return `${role.name} does not work for ${written}: choose one of these.`;
  return choices === 1 ? 'The only purpose of this role goes without saying.' : 'The operation names no purpose yet: choose one.';
}

/** The purpose of the operation at the cursor, as it is written now. */
function usePurpose(editor: MonacoEditor | undefined): string | null | undefined {
  const [purpose, setPurpose] = useState<string | null | undefined>();
  useEffect(() => {
    if (!editor) return;
    const look = () => {
      const { text, cursor } = place(editor);
      setPurpose(purposeAt(text, cursor));
    };
    look();
    const listeners = [editor.onDidChangeModelContent(look), editor.onDidChangeModel(look), editor.onDidChangeCursorPosition(look)];
    return () => {
      for (const l of listeners) l.dispose();
    };
  }, [editor]);
  return purpose;
}

function write(editor: MonacoEditor, purpose: string): void {
  const { text, cursor } = place(editor);
  const edit = choosePurpose(text, cursor, purpose);
  if (edit) replace(editor, edit.from, edit.to, edit.text);
}

function place(editor: MonacoEditor): { text: string; cursor: number } {
  const model = editor.getModel();
  const position = editor.getPosition();
  return { text: model?.getValue() ?? '', cursor: model && position ? model.getOffsetAt(position) : 0 };
}

/** Replaces a part of the text in one step that can be undone. */
function replace(editor: MonacoEditor, from: number, to: number, text: string): void {
  const model = editor.getModel();
  if (!model) return;
  const [start, end] = [model.getPositionAt(from), model.getPositionAt(to)];
  const range = { startLineNumber: start.lineNumber, startColumn: start.column, endLineNumber: end.lineNumber, endColumn: end.column };
  editor.pushUndoStop();
  editor.executeEdits('cloakroom', [{ range, text }]);
  editor.pushUndoStop();
}
