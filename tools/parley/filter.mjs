// Which dead letters: the options that list, replay and discard share.
import { time } from './arguments.mjs';

export const FILTER_OPTIONS = {
  service: { type: 'string' },
  subscription: { type: 'string' },
  contract: { type: 'string' },
  error: { type: 'string' },
  group: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
};

export const FILTER_HELP = `  --service S        of this service
  --subscription S   of this subscription: orders.saga
  --contract C       of this contract: orders.order-placed
  --error E          with this class of error: TypeError
  --group G          of this cause, as "list --groups" names it
  --from T, --to T   that died since, or before: 2026-11-23T09:00:00Z, or ago: 2h`;

export function filterOf({ subscription, contract, error, group, from, to }, help) {
  const filter = {
    subscription,
    contract,
    error,
    group,
    from: time('from', from, help),
    to: time('to', to, help),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}
