import type { Kind } from '@parley/contract';

export interface ConsumerHealth {
  readonly technology: string;
  readonly kind: Kind;
  readonly state: 'starting' | 'consuming' | 'paused' | 'disconnected' | 'stopped';
  /** The reason why it does not consume. */
  readonly reason?: string;
}

export interface Backlog {
  readonly subscription: string;
  /** Messages not yet handled; events: the lag. */
  readonly waiting: number;
  /** Messages held behind a failed one of their lane, or waiting for a retry. */
  readonly parked: number;
  readonly delayed: number;
  readonly dead: number;
}
