import { tokenIn } from './fragment';

/** The credentials of requests: the token and, beside a token without a name, the claimed name. */
export interface Session {
  readonly token: string;
  readonly name?: string;
}

interface Held {
  readonly session?: Session;
  /** Why there is none any more. */
  readonly ended?: string;
}

const PLACE = 'parley.session';

let held: Held = read();
const listeners = new Set<() => void>();

function hold(next: Held): void {
  held = next;
  if (next.session) sessionStorage.setItem(PLACE, JSON.stringify(next.session));
  else sessionStorage.removeItem(PLACE);
  for (const listener of listeners) listener();
}

function read(): Held {
  try {
    const kept = sessionStorage.getItem(PLACE);
    return kept === null ? {} : { session: JSON.parse(kept) as Session };
  } catch {
    return {};
  }
}

export const begin = (session: Session): void => hold({ session });
export const end = (why?: string): void => hold(why === undefined ? {} : { ended: why });
export const current = (): Held => held;

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Takes the token of a link, and removes it from the address and from the history at once. */
export function takeTokenOfLink(): void {
  const { token, rest } = tokenIn(location.hash);
  if (token === undefined) return;
  history.replaceState(history.state, '', `${location.pathname}${location.search}${rest}`);
  begin({ token });
}
