import type { OutgoingMessage } from '@parley/messaging/transport';
import type { Address } from './address';
import { LONGEST } from './cloudevents';

/** The topic of a contract: `parley/shipping/parcel-located`. */
export const topicOf = (contract: string): string => `parley/${contract.replaceAll('.', '/')}`;

/** Matches all messages of a contract, with any last level. */
export const filterOf = (contract: string): string => `${topicOf(contract)}/#`;

/**
 * Where a message is said: below its contract's topic, if the URL names a field that its payload
 * has, and a topic has room for it.
 */
export function topicFor({ contract, body }: OutgoingMessage, { by }: Address): string {
  const value = by === undefined ? undefined : fieldOf(body, by);
  const topic =
    value === undefined ? topicOf(contract.name) : `${topicOf(contract.name)}/${levelOf(value)}`;
  return topic.length > LONGEST ? topicOf(contract.name) : topic;
}

/**
 * One level of a topic: `/`, `+` and `#` have a meaning there, control characters are refused. Half
 * a character is none in UTF-8.
 */
const levelOf = (value: string): string => encodeURIComponent(Buffer.from(value).toString());

function fieldOf(body: Buffer, field: string): string | undefined {
  try {
    const value = (JSON.parse(body.toString()) as Record<string, unknown> | null)?.[field];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}
