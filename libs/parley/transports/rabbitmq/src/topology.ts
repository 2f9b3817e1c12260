import type { TransportContext } from '@parley/messaging/transport';
import type { ChannelModel, Options } from 'amqplib';
import { crc32 } from 'node:zlib';
import { type Address, NotThereError, notYet } from './address';

/*
 * The queues of an owner. Sender and consumer declare the same queues with the same arguments, in
 * any order, so commands wait for an owner that never ran yet.
 *
 *   inventory                       commands without a key
 *   inventory.lane-00 … lane-15     commands with a key; single active consumer keeps order
 *   inventory.delay.1s … 2048s      delayed commands, moved to `inventory` when due
 *   inventory.dead                  the broker's dead letters, drained by the owner
 */

export const LANES = 16;

/** Seconds. Each rung takes delays from its own length up to the next one's. */
export const RUNGS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

/** Milliseconds of the longest wait in one rung; a longer delay continues in further waits. */
export const LONGEST_WAIT = RUNGS.at(-1)! * 2_000 - 1;

/**
 * RabbitMQ dead-letters at this limit, and counts every return, a drain's too. It is meant for
 * messages that kill their consumer; the pipeline's own limit comes long before it.
 */
const DELIVERY_LIMIT = 1_000;

/**
 * Delivery limit of the dead letters themselves, never reached. RabbitMQ 4 would drop them after 20
 * deliveries by default.
 */
const KEPT = 1_000_000_000;

export const deadQueue = (owner: string): string => `${owner}.dead`;
export const laneQueues = (owner: string): string[] =>
  Array.from({ length: LANES }, (_, lane) => laneQueue(owner, lane));
export const delayQueues = (owner: string): string[] =>
  RUNGS.map((rung) => delayQueue(owner, rung));

/**
 * Returns the lane queue of a key: CRC-32 of the key's UTF-8 bytes, so that a sender in any
 * language finds the same lane.
 */
export const laneOf = (owner: string, key: string): string => laneQueue(owner, crc32(key) % LANES);

/**
 * Returns the delay queue for a wait. A quorum queue releases expired messages only at its head:
 * one with a long time would hold up those behind it. On its rung a message meets only times less
 * than twice its own.
 */
export const rungOf = (owner: string, milliseconds: number): string =>
  delayQueue(owner, RUNGS.findLast((rung) => rung * 1_000 <= milliseconds) ?? RUNGS[0]!);

/** Dead letters first: the other queues lead there. */
export const queuesOf = (
  owner: string,
): readonly (readonly [name: string, options: Options.AssertQueue])[] => [
  [deadQueue(owner), durable({ 'x-delivery-limit': KEPT })],
  [owner, durable(deadLettersTo(deadQueue(owner)))],
  ...laneQueues(owner).map(
    (lane) =>
      [
        lane,
        durable({ ...deadLettersTo(deadQueue(owner)), 'x-single-active-consumer': true }),
      ] as const,
  ),
  ...delayQueues(owner).map((delay) => [delay, durable(deadLettersTo(owner))] as const),
];

/**
 * Declares all queues of an owner, or only verifies that they exist, on a channel of its own: a
 * refusal closes the channel.
 */
export async function declare(
  connection: ChannelModel,
  owner: string,
  address: Address,
  mode: TransportContext['topology'] = 'create',
): Promise<void> {
  const channel = await connection.createChannel();
  // The refusal also rejects the call; without a listener it would end the connection.
  channel.on('error', () => undefined);
  const [first, ...others] = queuesOf(owner);
  const make = async ([name, options]: (typeof others)[number]) => {
    if (mode === 'verify') await mustBeThere(channel.checkQueue(name), address, `queue ${name}`);
    // Of an existing queue, this only checks the settings.
    await channel.assertQueue(name, options);
  };
  await make(first!);
  await Promise.all(others.map(make));
  await channel.close();
}

/** Waits for the check. @throws NotThereError when the queue or exchange is missing */
export async function mustBeThere(
  check: PromiseLike<unknown>,
  address: Address,
  what: string,
): Promise<void> {
  await Promise.resolve(check).catch((error: Error & { code?: number }) => {
    throw error.code === 404 && notYet(error) === undefined
      ? new NotThereError(address, what)
      : error;
  });
}

function durable(more: Record<string, unknown>): Options.AssertQueue {
  return {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT, ...more },
  };
}

/**
 * Arguments for dead-lettering at least once: the message leaves its queue when the other queue has
 * it. RabbitMQ requires `reject-publish` with it.
 */
function deadLettersTo(queue: string): Record<string, unknown> {
  return {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
}

function laneQueue(owner: string, lane: number): string {
  return `${owner}.lane-${String(lane).padStart(2, '0')}`;
}

function delayQueue(owner: string, rung: number): string {
  return `${owner}.delay.${rung}s`;
}
