import type { editor } from 'monaco-editor';
import type { Look, Note, Reading } from './marks';

/** Looks are told apart by sign and word as well as by colour (WCAG 2.2, 1.4.1). */
export const icons: Record<Look | 'shown', string> = { masked: '◐', withheld: '∅', varies: '≈', shown: '●' };

const words: Record<Look, string> = { masked: 'masked', withheld: 'withheld', varies: 'perhaps hidden' };

/** What the editor of answers draws: a background for each value, its look in words behind the line, the reason on hover. */
export function decorate(model: editor.ITextModel, { marks, whys }: Reading): editor.IModelDeltaDecoration[] {
  const notes = new Map(whys.map((w) => [w.path, w.notes]));
  return marks.flatMap((m) => {
    const start = model.getPositionAt(m.offset);
    const end = model.getPositionAt(m.offset + m.length);
    const column = model.getLineMaxColumn(end.lineNumber);
    const line = { startLineNumber: end.lineNumber, endLineNumber: end.lineNumber, startColumn: column, endColumn: column };
    const value = { startLineNumber: start.lineNumber, startColumn: start.column, endLineNumber: end.lineNumber, endColumn: end.column };
    const hoverMessage = (notes.get(m.path) ?? []).filter((n) => n.outcome !== 'REVEAL').map((n) => ({ value: explain(n) }));
    return [
      { range: value, options: { inlineClassName: `mark ${m.look}`, hoverMessage } },
      { range: line, options: { showIfCollapsed: true, after: { content: `  ${icons[m.look]} ${words[m.look]}`, inlineClassName: `tag ${m.look}` } } },
    ];
  });
}

function explain(note: Note): string {
  const words = { MASK: 'Masked', WITHHOLD: 'Withheld', DENY: 'Denied', REVEAL: 'Shown' }[note.outcome];
  return [`**${words}** by \`${note.rule}\``, note.text, note.remedy].filter(Boolean).join('\n\n');
}
