import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { parse, print, type GraphQLSchema } from 'graphql';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import mark from './icon.svg';
import { remembered, remember } from './memory';
import { type Context, Session, type Who } from './server';
import { WhatFor } from './WhatFor';
import { WhoAsks } from './WhoAsks';
import { Why } from './Why';

const plugins = [HISTORY_PLUGIN];

/** The page: who asks, what for, the question and its answer, and why the answer is as it is. */
export function Page({ context }: { context: Context }) {
  const dev = context.identity === 'dev';
  const [who, setWho] = useState<Who | undefined>(() => (dev ? remembered(context) : undefined));
  const session = useMemo(() => new Session(who), [who]);
  const role = context.roles.find((r) => r.name === (dev ? who?.role : context.role));
  const { schema, trouble } = useSchema(session, role !== undefined);

  const be = useCallback((next: Who) => {
    remember(next);
    setWho(next);
  }, []);
  const sample = role?.sample ? tidy(role.sample) : '';

  // GraphiQL keeps its fetcher, so it is given one that asks whoever asks now.
  const current = useRef(session);
  useEffect(() => {
    current.current = session;
  }, [session]);
  const [fetcher] = useState(() => (...args: Parameters<Session['fetcher']>) => current.current.fetcher(...args));

  return (
    <GraphiQL
      fetcher={fetcher}
      schema={schema ?? null}
      storage={sessionStorage /* questions may name people: they go when the tab does */}
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
      defaultQuery={sample}
      plugins={plugins}
    >
      <GraphiQL.Logo>
        <span />
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Why />
      </GraphiQL.Footer>
      <Door>
        <h1>
          <img src={mark} alt="" width="24" height="24" /> Cloakroom
        </h1>
        {dev ? (
          <WhoAsks context={context} who={who} onChange={be} />
        ) : (
          <SignedIn role={context.role} login={context.login} />
        )}
        <WhatFor context={context} role={role} sample={sample} />
        <p role="status" className={trouble ? 'trouble' : 'quiet'}>
          {trouble}
        </p>
      </Door>
    </GraphiQL>
  );
}

/** Puts what is chosen first where it is read and reached first. GraphiQL itself would put it behind the editors. */
function Door({ children }: { children: ReactNode }) {
  const door = document.getElementById('door');
  return door && createPortal(<header className="door">{children}</header>, door);
}

/** Who one is, when somebody else says so. */
function SignedIn({ role, login }: { role: string | undefined; login: string | undefined }) {
  return (
    <p className="who">
      {role ? (
        <>
          You ask as <strong>{role}</strong>.
        </>
      ) : (
        <>Nobody is signed in here.</>
      )}{' '}
      {login && <a href={backTo(login)}>{role ? 'Sign in as somebody else' : 'Sign in'}</a>}
    </p>
  );
}

/** The address to sign in at, which is told where to come back to. */
function backTo(login: string): string {
  const url = new URL(login, location.href);
  url.searchParams.set('return_to', location.origin + location.pathname);
  return url.href;
}

function useSchema(session: Session, known: boolean) {
  const [state, setState] = useState<{ schema?: GraphQLSchema; trouble: string }>({ trouble: '' });
  useEffect(() => {
    if (!known) return;
    let stale = false;
    session.schema().then(
      (schema) => { if (!stale) setState({ schema, trouble: '' }); },
      (error: unknown) => { if (!stale) setState({ trouble: error instanceof Error ? error.message : 'the server does not answer' }); },
    );
    return () => {
      stale = true;
    };
  }, [session, known]);
  return state;
}

function tidy(query: string): string {
  try {
    return print(parse(query));
  } catch {
    return query;
  }
}
