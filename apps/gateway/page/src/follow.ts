import { EventSource } from 'eventsource';
import { useEffect, useState } from 'react';
import { asOwner, look, Refusal } from './api';
import type { KeptOrder } from './kept';
import type { Entry } from './way';

/** What is known of an order that is followed. */
export interface Story {
  readonly orderId: string;
  readonly history: readonly Entry[];
  /** Undefined: under way. */
  readonly end?: 'delivered' | 'rejected';
  readonly connection: 'live' | 'lost' | 'over';
  /** Why it cannot be seen at all. */
  readonly refusal?: Refusal;
}

/** So long after a refusal that may pass it is asked again, as an EventSource does. */
const AGAIN_MS = 3_000;

const beginning = (orderId: string): Story => ({ orderId, history: [], connection: 'live' });

/** Follows an order by server-sent events, from its first line, until it is at its end. */
export function useStory(order: KeptOrder | undefined): Story | undefined {
  const [story, setStory] = useState<Story>();
  const { orderId, token } = order ?? {};
  useEffect(() => {
    if (orderId === undefined) return;
    const change = (to: (story: Story) => Partial<Story>) =>
      setStory((before) => {
        const story = before?.orderId === orderId ? before : beginning(orderId);
        return { ...story, ...to(story) };
      });
    change(() => ({}));
    return followed(orderId, token, change);
  }, [orderId, token]);
  return story?.orderId === orderId ? story : undefined;
}

function followed(
  orderId: string,
  token: string | undefined,
  change: (to: (story: Story) => Partial<Story>) => void,
): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isLeft = false;
  const open = () => {
    source = new EventSource(`/orders/${orderId}/events`, {
      // The browser's own EventSource sends no token.
      fetch: (url, init) =>
        fetch(url, { ...init, headers: { ...init.headers, ...asOwner(token) } }),
    });
    source.addEventListener('open', () => change(() => ({ connection: 'live' })));
    source.addEventListener('progress', ({ data }) => {
      const { status, ...entry } = JSON.parse(data as string) as Entry & { status?: string };
      const end = status === 'delivered' || status === 'rejected' ? status : undefined;
      if (end) source.close();
      change(({ history }) => ({
        history: history.some(({ number }) => number === entry.number)
          ? history
          : [...history, entry],
        ...(end && { end, connection: 'over' }),
      }));
    });
    source.addEventListener('error', ({ code }) => {
      change(() => ({ connection: 'lost' }));
      // It asks again by itself but where it was refused.
      if (code !== undefined && source.readyState === source.CLOSED) void refused();
    });
  };
  const refused = async () => {
    const refusal = await look(orderId, token).then(
      () => undefined,
      (error: unknown) => (error instanceof Refusal && error.isFinal ? error : undefined),
    );
    if (isLeft) return;
    if (refusal) change(() => ({ refusal, connection: 'over' }));
    else timer = setTimeout(open, AGAIN_MS);
  };
  open();
  return () => {
    isLeft = true;
    source.close();
    clearTimeout(timer);
  };
}
