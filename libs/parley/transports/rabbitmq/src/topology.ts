import type { TransportContext } from '@parley/messaging/transport';
import type { ChannelModel, Options } from 'amqplib';
import { crc32 } from 'node:zlib';
import { type Address, NotThereError } from './address';

/*
 * What RabbitMQ holds for an owner. Sender and consumer declare the same queues with the same
 * arguments, whoever comes first; so commands wait for an owner that never ran yet.
 *
 *   inventory                       commands without a key
 *   inventory.lane-00 … lane-15     commands with a key; one active consumer each, so that a lane's order survives scaling
 *   inventory.delay.1s … 2048s      commands that wait; the broker moves them to `inventory` when their time has come
 *   inventory.dead                  what the broker itself gave up on; the owner keeps it with its dead letters
 */

export const LANES = 16;

/** Seconds; each rung takes the delays from its own length up to the next one's. */
export const RUNGS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

/**
 * The longest a message can wait in one go; what is left of a longer delay waits in further goes.
 */
export const LONGEST_WAIT = RUNGS.at(-1)! * 2_000 - 1;

/**
 * RabbitMQ dead-letters at the limit, and counts every return, a drain's too. It is there for
 * messages that kill their consumer; the pipeline's own limit comes long before it.
 */
const DELIVERY_LIMIT = 1_000;

/**
 * The dead letters themselves are never given up on. RabbitMQ 4 would after 20 deliveries, if
 * nothing were said.
 */
const KEPT = 1_000_000_000;

export const deadQueue = (owner: string): string => `${owner}.dead`;
export const laneQueues = (owner: string): string[] =>
  Array.from({ length: LANES }, (_, lane) => laneQueue(owner, lane));
export const delayQueues = (owner: string): string[] =>
  RUNGS.map((rung) => delayQueue(owner, rung));

/** CRC-32 of the key's UTF-8 bytes, so that a sender in any language finds the same lane. */
export const laneOf = (owner: string, key: string): string => laneQueue(owner, crc32(key) % LANES);

/**
 * A quorum queue only lets go of expired messages at its head: one with a long time would hold up
 * those behind it. On its rung a message meets only times less than twice its own.
 */
export const rungOf = (owner: string, milliseconds: number): string =>
  delayQueue(owner, RUNGS.findLast((rung) => rung * 1_000 <= milliseconds) ?? RUNGS[0]!);

/** The dead letters first: the others lead there. */
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
 * Declares all of it, or only looks whether it is there, on a channel of its own: a refusal closes
 * the channel it came by.
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
    // Of what is there, this only looks at the settings.
    await channel.assertQueue(name, options);
  };
  await make(first!);
  await Promise.all(others.map(make));
  await channel.close();
}

/** @throws NotThere */
export async function mustBeThere(
  check: PromiseLike<unknown>,
  address: Address,
  what: string,
): Promise<void> {
  await Promise.resolve(check).catch((error: Error & { code?: number }) => {
    throw error.code === 404 ? new NotThereError(address, what) : error;
  });
}

function durable(more: Record<string, unknown>): Options.AssertQueue {
  return {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT, ...more },
  };
}

/**
 * At least once: the message leaves its queue when the other one has it. RabbitMQ asks for
 * `reject-publish` with it.
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
