import type { Batch } from '../api/types';

export type Action = 'replay' | 'discard';

/** Filters of the services. */
export type LetterFilter = Readonly<Record<string, string | undefined>>;

export interface Bulk {
  readonly action: Action;
  /** The services that have letters that fit. */
  readonly services: readonly string[];
  readonly filter: LetterFilter;
  /** Letters a second. */
  readonly rate: number;
  readonly reason?: string;
  /** Of all letters that fit. */
  readonly limit?: number;
}

export interface Progress {
  readonly done: number;
  /** Letters that somebody else decided about first. */
  readonly gone: number;
}

/** Letters of one request: a service answers after a second's worth of them. */
const MOST_AT_ONCE = 1_000;

type Send = (service: string, action: Action, request: object) => Promise<Batch>;

/**
 * Replays or discards many letters, a second's worth at a time: when the operator or a service
 * stops, nothing is lost and nothing repeated. Letters that die again meanwhile are left out.
 */
export async function decideAboutMany(
  { action, services, filter, rate, reason, limit = Infinity }: Bulk,
  send: Send,
  tell: (progress: Progress) => void,
  isStopped: () => boolean,
): Promise<Progress> {
  let progress: Progress = { done: 0, gone: 0 };
  for (const service of services) {
    let last: Batch | undefined;
    while (!isStopped() && progress.done < limit && last?.left !== 0) {
      last = await send(service, action, {
        filter: { ...filter, ...(last?.upTo !== undefined && { upTo: last.upTo }) },
        rate,
        limit: Math.min(limit - progress.done, MOST_AT_ONCE),
        ...(reason !== undefined && { reason }),
      });
      const { done, gone } = last;
      progress = { done: progress.done + done.length, gone: progress.gone + gone.length };
      tell(progress);
      if (done.length + gone.length === 0) break;
    }
  }
  return progress;
}
