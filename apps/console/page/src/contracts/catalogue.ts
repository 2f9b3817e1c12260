import type { CatalogueEntry, Explained } from '../api/types';
import { milliseconds } from '../shared/format';
import type { Filters } from '../shared/url-state';
import type { CONTRACT_FILTERS } from '../filters';

export const KINDS = ['call', 'command', 'broadcast', 'event'] as const;

/** The contracts that fit the filters of the screen. */
export const matching = (
  contracts: readonly CatalogueEntry[],
  { kind, owner, text }: Filters<(typeof CONTRACT_FILTERS)[number]>,
): readonly CatalogueEntry[] =>
  contracts.filter(
    (one) =>
      (kind === undefined || one.kind === kind) &&
      (owner === undefined || one.owner === owner) &&
      (text === undefined || one.name.toLowerCase().includes(text.toLowerCase())),
  );

/** True for a command or a call without a handler: a fault, not a choice. */
export const isUnhandled = ({ kind, handlers }: CatalogueEntry): boolean =>
  handlers.length === 0 && (kind === 'call' || kind === 'command');

/** Subscriptions, or the services that answer calls. */
export const handledBy = ({ handlers }: CatalogueEntry): readonly string[] => [
  ...new Set(handlers.map(({ service, subscription }) => subscription ?? service)),
];

type Handler = Extract<Explained, { handlers: unknown }>['handlers'][number];

/** The policies of a handler, each in a few words. */
export function policiesOf(handler: Handler): readonly string[] {
  const { concurrency, timeout, deadline, transaction, retry } = handler;
  const policies: string[] = [];
  if (deadline !== undefined) policies.push(`deadline ${milliseconds(deadline)}`);
  if (concurrency !== undefined) policies.push(`${concurrency} at a time in each instance`);
  if (timeout !== undefined) policies.push(`timeout ${milliseconds(timeout)}`);
  if (transaction === 'own') policies.push('its own transaction');
  if (retry) {
    const { immediate, delays } = retry;
    const later = delays.length > 0 ? `, then after ${delays.map(milliseconds).join(', ')}` : '';
    policies.push(`${immediate} more tries at once${later}, then a dead letter`);
  }
  return policies;
}
