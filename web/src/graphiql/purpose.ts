import { Kind, parse, type OperationDefinitionNode, type Token, TokenKind } from 'graphql';

/** A replacement of text[from, to). Everything else of the text stays as it was written. */
export interface Edit {
  from: number;
  to: number;
  text: string;
}

/** The directive that names the purpose of an operation. */
const FOR = 'for';

/**
 * The purpose that the operation at the cursor names. `undefined` where the text is not GraphQL at the moment, or has no
 * operation; `null` where the operation names none.
 */
export function purposeAt(text: string, cursor: number): string | null | undefined {
  const operation = operationAt(text, cursor);
  if (!operation) return undefined;
  const value = argumentOf(operation)?.value;
  return value?.kind === Kind.ENUM ? value.value : null;
}

/** The edit that makes the operation at the cursor name a purpose; `undefined` where there is none to edit. */
export function choosePurpose(text: string, cursor: number, purpose: string): Edit | undefined {
  const operation = operationAt(text, cursor);
  if (!operation?.loc) return undefined;
  const value = argumentOf(operation)?.value;
  if (value?.loc) return { from: value.loc.start, to: value.loc.end, text: purpose };
  const empty = directiveOf(operation);
  if (empty?.loc) return { from: empty.loc.start, to: empty.loc.end, text: directive(purpose) };
  const body = operation.selectionSet.loc;
  if (!body) return undefined;
  if (operation.loc.start === body.start) return { from: body.start, to: body.start, text: `query ${directive(purpose)} ` };
  const end = before(body.startToken).end;
  return { from: end, to: end, text: ` ${directive(purpose)}` };
}

export function apply(text: string, edit: Edit): string {
  return text.slice(0, edit.from) + edit.text + text.slice(edit.to);
}

function directive(purpose: string): string {
  return `@${FOR}(purpose: ${purpose})`;
}

/** The operation the cursor is in, else the one that ends last before it, else the first. */
function operationAt(text: string, cursor: number): OperationDefinitionNode | undefined {
  let operations: OperationDefinitionNode[];
  try {
    operations = parse(text).definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION);
  } catch {
    return undefined; // being written
  }
  return operations.findLast((o) => o.loc && o.loc.start <= cursor) ?? operations[0];
}

function directiveOf(operation: OperationDefinitionNode) {
  return operation.directives?.find((d) => d.name.value === FOR);
}

function argumentOf(operation: OperationDefinitionNode) {
  return directiveOf(operation)?.arguments?.find((a) => a.name.value === 'purpose');
}

/** The token before, comments left out: what is written behind one would be part of it. */
function before(token: Token): Token {
  let t = token.prev;
  while (t?.kind === TokenKind.COMMENT) t = t.prev;
  return t ?? token;
}
