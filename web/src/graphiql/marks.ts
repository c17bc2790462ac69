import { findNodeAtLocation, parseTree, type Node } from 'jsonc-parser';

/** An entry of `extensions.privacy`: what happened to a field, and why. */
export interface Note {
  path: string;
  field: string;
  outcome: Outcome;
  rule: string;
  reason: string;
  text?: string;
  remedy?: string;
}

const outcomes = ['REVEAL', 'MASK', 'WITHHOLD', 'DENY'] as const;
export type Outcome = (typeof outcomes)[number];

/** What a value is; `varies` where the answer alone does not tell which of several it is. */
export type Look = 'masked' | 'withheld' | 'varies';

/** A place in the text of an answer that does not show what is stored. */
export interface Mark {
  offset: number;
  length: number;
  look: Look;
  path: string;
}

/** What is known of a path: its notes, and the strictest look any of its places has. */
export interface Why {
  path: string;
  notes: Note[];
  look: Look | 'shown';
}

export interface Reading {
  whys: Why[];
  marks: Mark[];
}

/** What masks write in place of text: a veil, initials, a pseudonym. Years and rounded figures look like any other value. */
const shapes = [/•••/, /^\p{Lu}\.( \p{Lu}\.)?$/u, /^p_[a-z2-7]{16}$/];

/**
 * Reads an answer as it is displayed, and finds where it shows less than is stored. Paths of notes name fields as the
 * answer does, aliases included, and leave out the positions in lists: one note speaks of all rows.
 */
export function read(text: string): Reading {
  const root = parseTree(text);
  const data = root && findNodeAtLocation(root, ['data']);
  const paths = new Map<string, Note[]>();
  for (const note of notesOf(root)) paths.set(note.path, [...(paths.get(note.path) ?? []), note]);
  const fields = [...paths].map(([path, notes]) => ({ path, notes, places: places(data, path.split('.')) }));
  const looks = new Map<Node, Look | 'shown'>();
  for (const f of fields) for (const place of f.places) looks.set(place.key, look(f.notes, place, f.places));
  settle(fields, looks);
  const marks: Mark[] = [];
  for (const { path, places } of fields)
    for (const place of places) {
      const l = looks.get(place.key);
      if (l && l !== 'shown') marks.push({ ...range(place), look: l, path });
    }
  marks.sort((a, b) => a.offset - b.offset);
  const whys = fields.map(({ path, notes, places }) => ({
    path,
    notes,
    look: overall(
      notes,
      places.map((place) => looks.get(place.key) ?? 'varies'),
    ),
  }));
  return { whys, marks };
}

/** A property of the answer. */
interface Place {
  key: Node;
  value: Node;
}

/** A path with what is said of it, and where it is. */
interface Field {
  path: string;
  notes: Note[];
  places: Place[];
}

/**
 * Tells of values that do not show whether they are masked by others of the same row: what one person has not consented to
 * hides all fields that ask for that consent, or none.
 */
function settle(fields: Field[], looks: Map<Node, Look | 'shown'>): void {
  const rows = new Map<Node | undefined, Map<string, Node[]>>();
  for (const { notes, places } of fields) {
    const gate = gateOf(notes);
    if (!gate) continue;
    for (const { key } of places) {
      const row = key.parent?.parent;
      const gates = rows.get(row) ?? new Map<string, Node[]>();
      rows.set(row, gates.set(gate, [...(gates.get(gate) ?? []), key]));
    }
  }
  for (const gates of rows.values())
    for (const keys of gates.values()) {
      const known = new Set(keys.map((key) => looks.get(key)).filter((l) => l !== 'varies'));
      const [told] = known;
      if (known.size !== 1 || !told) continue;
      for (const key of keys) looks.set(key, told);
    }
}

/** What makes rows of a field differ, where it is one thing: the same words are the same consent. */
function gateOf(notes: Note[]): string | undefined {
  const hidden = notes.filter((n) => n.outcome !== 'REVEAL');
  const [gate] = hidden;
  if (notes.length !== 2 || hidden.length !== 1 || gate?.outcome !== 'MASK' || !gate.reason.endsWith('CONSENT')) return undefined;
  return `${gate.reason} ${gate.text ?? ''}`;
}

function notesOf(root: Node | undefined): Note[] {
  const list = root && findNodeAtLocation(root, ['extensions', 'privacy']);
  return (list?.children ?? []).flatMap((entry) => {
    const get = (name: string) => {
      const value: unknown = findNodeAtLocation(entry, [name])?.value;
      return typeof value === 'string' ? value : '';
    };
    const outcome = outcomes.find((o) => o === get('outcome'));
    if (!outcome || !get('path')) return [];
    const note: Note = { path: get('path'), field: get('field'), outcome, rule: get('rule'), reason: get('reason') };
    if (get('text')) note.text = get('text');
    if (get('remedy')) note.remedy = get('remedy');
    return [note];
  });
}

/** Every property at a path, through all lists on the way. */
function places(node: Node | undefined, path: string[]): Place[] {
  if (node?.type === 'array') return (node.children ?? []).flatMap((child) => places(child, path));
  const [name, ...rest] = path;
  if (node?.type !== 'object' || name === undefined) return [];
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key?.value !== name || !value) continue;
    return rest.length === 0 ? [{ key, value }] : places(value, rest);
  }
  return [];
}

/**
 * What one place shows. Where rows differ, a mask of text gives itself away by what it writes; one that keeps a year or
 * writes nothing does not, and then this says `varies` and does not guess.
 */
function look(notes: Note[], place: Place, all: Place[]): Look | 'shown' {
  const has = (o: Outcome) => notes.some((n) => shownAs(n) === o);
  if (!has('MASK') && !has('WITHHOLD')) return 'shown';
  if (!has('REVEAL') && !has('MASK')) return 'withheld';
  if (!has('REVEAL') && !has('WITHHOLD')) return 'masked';
  if (has('MASK') && veiled(place)) return 'masked';
  if (has('WITHHOLD')) {
    if (place.value.type === 'null') return has('REVEAL') || has('MASK') ? 'varies' : 'withheld';
    if (!has('MASK')) return 'shown';
    if (!has('REVEAL')) return 'masked';
  }
  return place.value.type !== 'null' && all.some(veiled) ? 'shown' : 'varies';
}

/** A value that is denied is null, like one that is withheld. */
function shownAs(note: Note): Outcome {
  return note.outcome === 'DENY' ? 'WITHHOLD' : note.outcome;
}

/** Whether a value is as only a mask writes it. */
function veiled(place: Place): boolean {
  const value: unknown = place.value.value;
  return typeof value === 'string' && shapes.some((shape) => shape.test(value));
}

/** The look that stands for a path: the strictest of its places, or, where the answer has none, of its notes. */
function overall(notes: Note[], looks: (Look | 'shown')[]): Look | 'shown' {
  const hidden = new Set(looks.filter((l) => l !== 'shown'));
  if (hidden.has('varies') || hidden.size > 1 || (hidden.size === 1 && looks.includes('shown'))) return 'varies';
  const [only] = hidden;
  if (only) return only;
  if (looks.length > 0) return 'shown';
  const kinds = new Set(notes.map(shownAs));
  if (kinds.size > 1) return 'varies';
  return kinds.has('MASK') ? 'masked' : kinds.has('WITHHOLD') ? 'withheld' : 'shown';
}

/** A value is marked itself; of an object or a list, which may be long, its name is. */
function range({ key, value }: Place): { offset: number; length: number } {
  const node = value.type === 'object' || value.type === 'array' ? key : value;
  return { offset: node.offset, length: node.length };
}
