import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { apply, choosePurpose, purposeAt } from './purpose';

const choose = (text: string, cursor = 0) => {
  const edit = choosePurpose(text, cursor, 'SALES');
  return edit && apply(text, edit);
};

describe('choosing a purpose', () => {
  it.each([
    ['a shorthand', '{ me { id } }', 'query @for(purpose: SALES) { me { id } }'],
    ['a shorthand below a comment', '# who\n{ me { id } }', '# who\nquery @for(purpose: SALES) { me { id } }'],
    ['no name', 'query { me { id } }', 'query @for(purpose: SALES) { me { id } }'],
    ['a name', 'query Who{ me { id } }', 'query Who @for(purpose: SALES){ me { id } }'],
    ['variables', 'query Q($a: Int = 1)\n{ a(n: $a) }', 'query Q($a: Int = 1) @for(purpose: SALES)\n{ a(n: $a) }'],
    ['another directive', 'query Q @x(y: "{") { a }', 'query Q @x(y: "{") @for(purpose: SALES) { a }'],
    ['a comment before the body', 'query Q # mine\n{ a }', 'query Q @for(purpose: SALES) # mine\n{ a }'],
    ['another purpose', 'query @for(purpose: BILLING) { a }', 'query @for(purpose: SALES) { a }'],
    ['odd spacing', 'query @for ( purpose :\n  BILLING ) { a }', 'query @for ( purpose :\n  SALES ) { a }'],
    ['a purpose without a name', 'query @for { a }', 'query @for(purpose: SALES) { a }'],
    ['a mutation', 'mutation M { a }', 'mutation M @for(purpose: SALES) { a }'],
    ['a subscription', 'subscription { a }', 'subscription @for(purpose: SALES) { a }'],
    ['a fragment first', 'fragment F on T { a }\nquery { ...F }', 'fragment F on T { a }\nquery @for(purpose: SALES) { ...F }'],
    ['letters of several bytes', '# Grüße 👋\n{ a }', '# Grüße 👋\nquery @for(purpose: SALES) { a }'],
  ])('%s', (_, text, want) => {
    const got = choose(text);
    expect(got).toBe(want);
    expect(() => parse(got ?? '')).not.toThrow();
    expect(purposeAt(want, 0)).toBe('SALES');
    expect(choose(want)).toBe(want);
  });

  it('edits the operation the cursor is in', () => {
    const text = 'query A { a }\nquery B { b }';
    expect(choose(text, 3)).toBe('query A @for(purpose: SALES) { a }\nquery B { b }');
    expect(choose(text, 20)).toBe('query A { a }\nquery B @for(purpose: SALES) { b }');
    expect(choose(text, 14)).toBe('query A { a }\nquery B @for(purpose: SALES) { b }');
  });

  it('leaves alone what is not GraphQL yet', () => {
    expect(choose('query { a')).toBeUndefined();
    expect(choose('')).toBeUndefined();
    expect(choose('fragment F on T { a }')).toBeUndefined();
    expect(purposeAt('query { a', 0)).toBeUndefined();
  });

  it('tells no purpose from one that is a variable', () => {
    expect(purposeAt('{ a }', 0)).toBeNull();
    expect(purposeAt('query ($p: Purpose!) @for(purpose: $p) { a }', 0)).toBeNull();
  });
});
