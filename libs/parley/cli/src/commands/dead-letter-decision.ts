import type { Given } from '../command-line/given';
import { FILTER } from './dead-letter-filter';

/** A decision about a dead letter. */
export type Action = 'replay' | 'discard';

/** The past of an action, as text and in `--json`. */
export const PAST: Readonly<Record<Action, string>> = { replay: 'replayed', discard: 'discarded' };

/** Options of the commands that decide about letters. */
export const DECISION = {
  all: { type: 'boolean', help: 'all that fit the options below' },
  ...FILTER,
  rate: { type: 'string', value: 'N', help: 'so many a second', default: '10' },
  limit: { type: 'string', value: 'N', help: 'no more than N' },
  reason: { type: 'string', value: 'TEXT', help: 'for the audit' },
  as: { type: 'string', value: 'NAME', help: 'who you are; default: your login' },
} as const;

export type Decided = Given<keyof typeof DECISION>;
