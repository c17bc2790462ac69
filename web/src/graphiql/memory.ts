import type { Context, Who } from './server';

const key = 'cloakroom:who';

/** Keeps whom one was, for as long as the tab is open. There is nothing secret in it: tokens are asked for anew. */
export function remember(who: Who): void {
  sessionStorage.setItem(key, JSON.stringify(who));
}

export function remembered(context: Context): Who | undefined {
  try {
    const who = JSON.parse(sessionStorage.getItem(key) ?? 'null') as Who | null;
    return who && context.roles.some((r) => r.name === who.role) ? who : undefined;
  } catch {
    return undefined;
  }
}
