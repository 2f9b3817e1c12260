import type { Given } from '../command-line/given';

/** Options of the commands that choose among dead letters. */
export const FILTER = {
  service: { type: 'string', value: 'S', help: 'of this service' },
  subscription: { type: 'string', value: 'S', help: 'of this subscription: orders.saga' },
  contract: { type: 'string', value: 'C', help: 'of this contract: orders.order-placed' },
  error: { type: 'string', value: 'E', help: 'with this class of error: TypeError' },
  group: { type: 'string', value: 'G', help: 'of this cause, as "list --groups" names it' },
  from: { type: 'string', value: 'T', help: 'that died since: 2026-11-23T09:00:00Z, or ago: 2h' },
  to: { type: 'string', value: 'T', help: 'that died before' },
} as const;

type FilterName = keyof typeof FILTER;

/** The filter as operations take it, without the service. */
export function filterOf(given: Given<FilterName>): Readonly<Record<string, string>> {
  const filter = {
    subscription: given.text('subscription'),
    contract: given.text('contract'),
    error: given.text('error'),
    group: given.text('group'),
    from: given.time('from'),
    to: given.time('to'),
  };
  return Object.fromEntries(
    Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
