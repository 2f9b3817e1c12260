import type {
  Deliver,
  Headers,
  KeyedExecutor,
  Outcome,
  TransportContext,
  RegisteredSubscription,
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

const HONOURS = { retry: false, dead: false } as const;

/**
 * True when a message is for this subscription. A stream has all events of its owner; undecodable
 * records go to every subscription, to be dead-lettered.
 */
export const isWanted = ({ kind, handlers }: RegisteredSubscription, { type }: Headers): boolean =>
  kind === 'command' || type === undefined || handlers.has(type);

/**
 * Delivers one message. The service's store retries it and keeps dead letters, because a stream
 * cannot.
 */
export async function deliverRecord(
  { subscription, deliver, context }: Place,
  headers: Headers,
  body: Buffer,
  suspect: boolean,
  signal: AbortSignal,
): Promise<Outcome['kind']> {
  const outcome = await deliver({
    subscription,
    headers,
    body,
    attempt: 1,
    suspect,
    signal,
    supports: HONOURS,
  });
  if (outcome.kind === 'retry' || outcome.kind === 'dead') {
    context.log(
      'error',
      `${subscription.name}: ${headers.type ?? 'a message'} came back as "${outcome.kind}", which Kinesis does not honour; it is delivered again`,
      { outcome },
    );
  }
  return outcome.kind;
}
