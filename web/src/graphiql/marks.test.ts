import { describe, expect, it } from 'vitest';
import { type Note, type Outcome, read } from './marks';

const note = (path: string, outcome: Outcome, more: Partial<Note> = {}): Note => ({
  path,
  field: 'Contact.x',
  outcome,
  rule: '@clearance',
  reason: 'CLEARANCE',
  ...more,
});

/** Reads an answer and returns its marks as the words marked. */
function marked(data: unknown, ...privacy: Note[]) {
  const text = JSON.stringify({ data, extensions: { privacy } }, null, 2);
  const { marks, whys } = read(text);
  return { words: marks.map((m) => [text.slice(m.offset, m.offset + m.length), m.look]), whys };
}

describe('marks', () => {
  it('follow lists and aliases', () => {
    const data = { people: { nodes: [{ mail: '•••@example.com', n: 'Ada' }, { mail: '•••@example.org', n: 'Bo' }] } };
    expect(marked(data, note('people.nodes.mail', 'MASK'), note('people.nodes.n', 'REVEAL')).words).toEqual([
      ['"•••@example.com"', 'masked'],
      ['"•••@example.org"', 'masked'],
    ]);
  });

  it('follow lists in lists, and stop at null', () => {
    const data = { a: [{ b: [{ c: 1 }, { c: 2 }] }, { b: null }, null, { b: [{ c: 3 }] }] };
    expect(marked(data, note('a.b.c', 'MASK')).words).toEqual([
      ['1', 'masked'],
      ['2', 'masked'],
      ['3', 'masked'],
    ]);
  });

  it('tell one alias of a field from another', () => {
    expect(marked({ one: { x: null }, two: { x: null } }, note('two.x', 'WITHHOLD')).words).toEqual([['null', 'withheld']]);
  });

  it('are on the name of an object or a list', () => {
    expect(marked({ contacts: { nodes: [] }, tags: ['a'] }, note('contacts', 'WITHHOLD'), note('tags', 'MASK')).words).toEqual([
      ['"contacts"', 'withheld'],
      ['"tags"', 'masked'],
    ]);
  });

  it('are where the mask shows itself when rows differ', () => {
    const data = { nodes: [{ mail: 'ada@example.com' }, { mail: '•••@example.org' }, { mail: null }] };
    const { words, whys } = marked(data, note('nodes.mail', 'REVEAL'), note('nodes.mail', 'MASK'));
    expect(words).toEqual([['"•••@example.org"', 'masked'], ['null', 'varies']]);
    expect(whys.map((w) => [w.path, w.look, w.notes.length])).toEqual([['nodes.mail', 'varies', 2]]);
  });

  it('say so when the answer alone does not tell which rows are masked', () => {
    const data = { nodes: [{ born: '1973-01-01' }, { born: '1985-06-30' }] };
    expect(marked(data, note('nodes.born', 'REVEAL'), note('nodes.born', 'MASK')).words.map(([, look]) => look)).toEqual([
      'varies',
      'varies',
    ]);
  });

  it('are told by the other fields of a row that wait for the same consent', () => {
    const consent = { reason: 'PURPOSE_CONSENT', text: 'MARKETING rests on consent, and the person has not given it.' };
    const mixed = (path: string, more = consent) => [note(path, 'REVEAL'), note(path, 'MASK', more)];
    const data = {
      nodes: [
        { mail: 'ada@example.com', name: 'Ada', born: '1973-05-01', fax: null },
        { mail: '•••@example.org', name: 'B.', born: '1985-01-01', fax: null },
      ],
    };
    const other = { reason: 'CONSENT', text: 'PROFILING: consent is missing.' };
    expect(marked(data, ...mixed('nodes.mail'), ...mixed('nodes.name'), ...mixed('nodes.born'), ...mixed('nodes.fax', other)).words).toEqual([
      ['null', 'varies'],
      ['"•••@example.org"', 'masked'],
      ['"B."', 'masked'],
      ['"1985-01-01"', 'masked'],
      ['null', 'varies'],
    ]);
  });

  it('know initials and pseudonyms from names and numbers', () => {
    const rows = (...xs: string[]) => ({ nodes: xs.map((x) => ({ x })) });
    const both = [note('nodes.x', 'REVEAL'), note('nodes.x', 'MASK')];
    expect(marked(rows('Å. N.', 'Åsa Nyström'), ...both).words).toEqual([['"Å. N."', 'masked']]);
    expect(marked(rows('p_eu74lkos7kntafl2', 'C-10037'), ...both).words).toEqual([['"p_eu74lkos7kntafl2"', 'masked']]);
  });

  it('do not take an empty value for a withheld one', () => {
    const data = { nodes: [{ notes: null }, { notes: 'x' }] };
    expect(marked(data, note('nodes.notes', 'REVEAL'), note('nodes.notes', 'WITHHOLD')).words).toEqual([['null', 'varies']]);
  });

  it('are none for what is shown', () => {
    expect(marked({ a: '•••' }, note('a', 'REVEAL')).words).toEqual([]);
  });

  it('are none where the answer has no such place, but the reason is kept', () => {
    const { words, whys } = marked({ nodes: [] }, note('nodes.mail', 'WITHHOLD', { text: 'why', remedy: 'ask' }));
    expect(words).toEqual([]);
    expect(whys).toMatchObject([{ look: 'withheld', notes: [{ text: 'why', remedy: 'ask' }] }]);
  });

  it('survive whatever else is displayed', () => {
    for (const text of ['', 'null', '[]', '{', 'Timeout', '{"data":null}', '{"extensions":{"privacy":{}}}', '{"extensions":{"privacy":[1,{"path":"a"},{"path":"a","outcome":"NEW"}]}}'])
      expect(read(text)).toEqual({ whys: [], marks: [] });
  });
});
