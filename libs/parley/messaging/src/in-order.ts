import type { OutgoingMessage } from './message';

/**
 * Sends messages so that those of one key stay in order: one of a key at a time, different keys and those without one side by
 * side. What follows a failed one is not sent. Rejects only when everything has ended: whoever publishes the rejected ones again
 * must not meet others still under way.
 */
export async function sendInOrder(messages: readonly OutgoingMessage[], send: (message: OutgoingMessage) => Promise<void>): Promise<void> {
  const inTurn = async (lane: readonly OutgoingMessage[]) => {
    for (const message of lane) await send(message);
  };
  const results = await Promise.allSettled(byLane(messages).map(inTurn));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Those of one key and owner together, in their order; one without a key is alone. */
export function byLane(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const lanes = new Map<string, OutgoingMessage[]>();
  for (const message of messages) {
    const { id, partitionkey } = message.envelope;
    const lane = partitionkey === undefined ? `id:${id}` : `${message.contract.owner}:${partitionkey}`;
    const others = lanes.get(lane);
    if (others) others.push(message);
    else lanes.set(lane, [message]);
  }
  return [...lanes.values()];
}
