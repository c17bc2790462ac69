import { buildClientSchema, getIntrospectionQuery, getOperationAST, type GraphQLSchema, type DocumentNode, type IntrospectionQuery, OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-sse';

/** What the server says of itself: whom one can be here, and for what one can ask. */
export interface Context {
  identity: 'dev' | 'kratos';
  /** Where to sign in, when that happens elsewhere. */
  login?: string;
  /** The role of the session that the browser already has. */
  role?: string;
  roles: Role[];
  purposes: Purpose[];
  /** People of the demo, by opaque ids. */
  people: string[];
  attributes: Attribute[];
}

export interface Role {
  name: string;
  description: string;
  purposes: string[];
  /** Sees nothing but the data of one person, and so has to be one. */
  self: boolean;
  /** A first question. */
  sample?: string;
}

export interface Purpose {
  name: string;
  description: string;
  basis: string;
  notice: string;
}

/** An attribute of the viewer that conditions of the schema look at. */
export interface Attribute {
  name: string;
  roles: string[];
  values: string[];
}

/** Whom to be. */
export interface Who {
  role: string;
  attrs: Record<string, string>;
  subject?: string;
}

interface Token {
  token: string;
  expires: string;
}

export const contextURL = '/graphiql/context.json';
const tokenURL = '/dev/token';
const graphqlURL = '/graphql';

/** So early a token is renewed that it does not expire on the way. */
const leeway = 60_000;

export async function loadContext(): Promise<Context> {
  const response = await fetch(contextURL);
  if (!response.ok) throw new Error(await complaint(response));
  return (await response.json()) as Context;
}

/**
 * A session asks as one viewer. Its token is kept in memory alone: another page of this origin, or whoever gets the
 * browser's files, finds none. With a session cookie there is no token at all.
 */
export class Session {
  #token: Token | undefined;

  /** Without `who` the browser's cookie says who asks. */
  constructor(readonly who?: Who) {}

  async headers(): Promise<Record<string, string>> {
    if (!this.who) return {};
    if (!this.#token || Date.parse(this.#token.expires) - Date.now() < leeway) this.#token = await issue(this.who);
    return { Authorization: `Bearer ${this.#token.token}` };
  }

  readonly fetcher = async (params: Question, options?: { headers?: Record<string, string>; documentAST?: DocumentNode }) => {
    const headers = { ...(await this.headers()), ...options?.headers };
    const operation = options?.documentAST && getOperationAST(options.documentAST, params.operationName);
    if (operation?.operation === OperationTypeNode.SUBSCRIPTION) return events(params, headers);
    return ask(params, headers);
  };

  async schema(): Promise<GraphQLSchema> {
    const answer = await ask({ query: getIntrospectionQuery() }, await this.headers());
    if (!answer.data) throw new Error(answer.errors?.[0]?.message ?? 'the server does not tell its schema');
    return buildClientSchema(answer.data);
  }
}

/** What is asked. */
interface Question {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
}

interface Answer {
  data?: IntrospectionQuery | null;
  errors?: { message: string }[];
}

async function ask(params: Question, headers: Record<string, string>): Promise<Answer> {
  const { query, operationName, variables } = params;
  const response = await fetch(graphqlURL, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { Accept: 'application/graphql-response+json, application/json', 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ query, operationName, variables }),
  });
  return (await response.json()) as Answer; // refusals are GraphQL answers too
}

function events(params: Question, headers: Record<string, string>): AsyncIterable<unknown> {
  const { query, operationName, variables } = params;
  const client = createClient({ url: graphqlURL, credentials: 'same-origin', headers, retryAttempts: 0 });
  return client.iterate({
    query,
    ...(operationName ? { operationName } : {}),
    ...(variables ? { variables } : {}),
  });
}

async function issue(who: Who): Promise<Token> {
  const response = await fetch(tokenURL, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(who),
  });
  if (!response.ok) throw new Error(await complaint(response));
  return (await response.json()) as Token;
}

/** What a refusal says, in the form GraphQL errors have. */
async function complaint(response: Response): Promise<string> {
  const body = (await response.json().catch(() => undefined)) as Answer | undefined;
  return body?.errors?.[0]?.message ?? `the server answered ${response.status}`;
}
