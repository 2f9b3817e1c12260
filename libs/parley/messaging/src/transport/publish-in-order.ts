import type { OutgoingMessage } from '../message/message';
import { failureOf, NotTriedError, type Failures, UnpublishedError } from '../ports/publish-errors';

/**
 * Sends messages so that those of one key stay in order: one of a key at a time, different keys and
 * messages without one side by side. After a failed message the later ones of its key are not sent.
 * Rejects after all sends have ended, so that a retry cannot overlap one in flight.
 * @throws PartlyPublishedError; for a single message its own error
 */
export async function sendInOrder(
  messages: readonly OutgoingMessage[],
  send: (message: OutgoingMessage) => Promise<void>,
): Promise<void> {
  const failures = await failuresInOrder(messages, send);
  if (failures.size > 0) throw failureOf(failures, messages);
}

/** Like `sendInOrder`; resolves with the messages that were not sent, each with its reason. */
export async function failuresInOrder(
  messages: readonly OutgoingMessage[],
  send: (message: OutgoingMessage) => Promise<void>,
): Promise<Failures> {
  const failures = new Map<OutgoingMessage, unknown>();
  const inTurn = async (lane: readonly OutgoingMessage[]) => {
    for (const [place, message] of lane.entries()) {
      try {
        await send(message);
      } catch (error) {
        failures.set(message, error);
        for (const later of lane.slice(place + 1))
          failures.set(later, new NotTriedError('an earlier message of its key was not published'));
        return;
      }
    }
  };
  await Promise.all(byLane(messages).map(inTurn));
  return failures;
}

/**
 * For a technology that takes many messages in one request, all or none: when it refused them, the
 * messages that are not to blame are published alone.
 */
export async function failuresTogether(
  messages: readonly OutgoingMessage[],
  publish: (messages: readonly OutgoingMessage[]) => Promise<void>,
): Promise<Failures> {
  try {
    await publish(messages);
    return new Map();
  } catch (error) {
    if (error instanceof UnpublishedError && messages.length > 1)
      return failuresInOrder(messages, (message) => publish([message]));
    return new Map(messages.map((message) => [message, error]));
  }
}

/**
 * For a technology that takes messages at once: publishes them in their order. After a failed
 * message the later ones of its key are not published.
 */
export function publishInTurn(
  messages: readonly OutgoingMessage[],
  publish: (message: OutgoingMessage) => void,
): void {
  const failures = new Map<OutgoingMessage, unknown>();
  const stuck = new Set<string | undefined>();
  for (const message of messages) {
    const lane = laneOf(message);
    if (stuck.has(lane)) {
      failures.set(message, new NotTriedError('an earlier message of its key was not published'));
      continue;
    }
    try {
      publish(message);
    } catch (error) {
      failures.set(message, error);
      if (lane !== undefined) stuck.add(lane);
    }
  }
  if (failures.size > 0) throw failureOf(failures, messages);
}

/** Messages of one key and owner together, in their order; a message without a key is alone. */
export function byLane(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const lanes = new Map<string, OutgoingMessage[]>();
  for (const message of messages) {
    const lane = laneOf(message) ?? `id:${message.envelope.id}`;
    const others = lanes.get(lane);
    if (others) others.push(message);
    else lanes.set(lane, [message]);
  }
  return [...lanes.values()];
}

interface Addressed {
  readonly contract: { readonly owner: string };
  readonly envelope: { readonly partitionkey?: string };
}

/** The lane of a message on its way out: its key at its target. Undefined without a key. */
export const laneOf = ({ contract, envelope }: Addressed): string | undefined =>
  envelope.partitionkey === undefined ? undefined : `${contract.owner}:${envelope.partitionkey}`;
