import {
  type Deliver,
  deliverFromLog,
  type Headers,
  IN_PLACE,
  type KeyedExecutor,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { ReaderPlace } from './shard-reader';
import type { Streams } from './topology';

/** Shared by all readers of one subscription. */
export interface Place extends ReaderPlace {
  readonly context: TransportContext;
  readonly subscription: RegisteredSubscription;
  readonly deliver: Deliver;
  readonly streams: Streams;
  /** All messages of the subscription run in these, from every shard. */
  readonly lanes: KeyedExecutor;
}

/**
 * True when a message is for this subscription. A stream has all events of its owner; undecodable
 * records go to every subscription, to be dead-lettered.
 */
export const isWanted = ({ kind, handlers }: RegisteredSubscription, { type }: Headers): boolean =>
  kind === 'command' || type === undefined || handlers.has(type);

/** Delivers one message; returns whether it is settled. */
export const deliverRecord = (
  place: Place,
  headers: Headers,
  body: Buffer,
  suspect: boolean,
  signal: AbortSignal,
): Promise<boolean> =>
  deliverFromLog('Kinesis', place, {
    subscription: place.subscription,
    headers,
    body,
    attempt: 1,
    suspect,
    signal,
    supports: IN_PLACE,
  });
