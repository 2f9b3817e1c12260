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

/** What all who read for one subscription share. */
export interface Place extends ReaderPlace {
  readonly context: TransportContext;
  readonly subscription: RegisteredSubscription;
  readonly deliver: Deliver;
  readonly streams: Streams;
  /** All messages of the subscription run in these, whatever shard they came from. */
  readonly lanes: KeyedExecutor;
}

const HONOURS = { retry: false, dead: false } as const;

/**
 * Whether a message is for this subscription. A stream has all events of its owner; what nobody can
 * read is everybody's.
 */
export const isWanted = ({ kind, handlers }: RegisteredSubscription, { type }: Headers): boolean =>
  kind === 'command' || type === undefined || handlers.has(type);

/**
 * Hands one message over. What the stream cannot do, retry and keep the dead, the service's store
 * does.
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
