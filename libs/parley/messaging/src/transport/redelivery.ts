import { type Clock, pause } from '../clock';
import type { Deliver, Delivery, Outcome } from '../ports/delivery';
import type { TransportContext } from '../ports/transport';

/** Milliseconds until a message without a final outcome is delivered again in its place. */
const REDELIVERY_INTERVAL_MS = 1_000;

/** Supported by technologies that keep a message in its place until it is settled. */
export const IN_PLACE: Delivery['supports'] = { retry: false, dead: false };

/**
 * Calls `attempt` until it returns true, with a pause of 1 s in between; the later messages of the
 * lane wait meanwhile. Returns false if the message is no longer wanted: another consumer gets it.
 * @param attempt may reject: then nothing is tried again
 */
export async function deliverUntilSettled(
  clock: Pick<Clock, 'after'>,
  attempt: () => Promise<boolean>,
  isWanted: () => boolean,
): Promise<boolean> {
  while (!(await attempt())) {
    if (!isWanted()) return false;
    await pause(clock, REDELIVERY_INTERVAL_MS);
    if (!isWanted()) return false;
  }
  return true;
}

/** The place where a log is read. */
export interface LogPlace {
  readonly deliver: Deliver;
  readonly context: Pick<TransportContext, 'log'>;
}

/**
 * Delivers a message of a log, which neither delays messages nor keeps dead letters. Returns whether
 * it is settled.
 * @param technology as in logs: `Kafka`
 */
export async function deliverFromLog(
  technology: string,
  { deliver, context }: LogPlace,
  delivery: Delivery,
): Promise<boolean> {
  const outcome = await deliver(delivery);
  if (isSettled(outcome, delivery)) return true;
  if (outcome.kind !== 'return') {
    const { subscription, headers } = delivery;
    context.log(
      'error',
      `${subscription.name}: ${headers.type ?? 'a message'} came back as "${outcome.kind}", which ${technology} does not support; it is delivered again`,
      { outcome },
    );
  }
  return false;
}

/** A failed message of a broadcast, or of a live subscription, is not kept. */
const isSettled = ({ kind }: Outcome, { subscription }: Delivery): boolean =>
  kind === 'done' ||
  (kind === 'dead' && (subscription.kind === 'broadcast' || subscription.live === true));
