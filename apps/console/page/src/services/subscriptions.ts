import type {
  Backlog,
  ConcurrencyOfInstance,
  Instance,
  Kind,
  OverdueOfInstance,
  SubscriptionBacklog,
} from '../api/types';

/** A subscription, of all instances of its service. */
export interface SubscriptionRow {
  readonly service: string;
  readonly subscription: string;
  readonly kind?: Kind;
  readonly waiting: number;
  readonly parked: number;
  readonly delayed: number;
  readonly dead: number;
  readonly overdue: number;
  /** Why it is paused. */
  readonly paused?: string;
  /** Of each instance: one number where all have the same. */
  readonly concurrency: readonly number[];
}

/** The subscriptions of all services; what needs a person first, then by name. */
export function subscriptionsOf(found: {
  readonly instances: readonly Instance[];
  readonly backlog: readonly Backlog[];
  readonly overdue: readonly OverdueOfInstance[];
  readonly concurrency: readonly ConcurrencyOfInstance[];
}): readonly SubscriptionRow[] {
  const paused = new Map(
    found.instances
      .flatMap(({ status }) => status?.paused ?? [])
      .map(({ subscription, reason }) => [subscription, reason ?? 'no reason given']),
  );
  const running = found.concurrency.flatMap((one) => ('error' in one ? [] : one.subscriptions));
  const overdue = found.overdue.flatMap((one) => ('error' in one ? [] : one.items));
  return found.backlog
    .flatMap((answer) => ('error' in answer ? [] : answer.items.map((item) => ({ answer, item }))))
    .filter(({ item }) => !item.subscription.endsWith(OUTBOX) || hasSome(item))
    .map(({ answer: { service }, item }): SubscriptionRow => {
      const { subscription, waiting, parked, delayed, dead } = item;
      const own = running.filter((one) => one.subscription === subscription);
      const why = paused.get(subscription);
      return {
        ...{ service, subscription, waiting, parked, delayed, dead },
        ...(own[0] && { kind: own[0].kind }),
        ...(why !== undefined && { paused: why }),
        overdue: overdue.filter((one) => one.subscription === subscription).length,
        concurrency: [...new Set(own.map(({ concurrency }) => concurrency))].sort((a, b) => a - b),
      };
    })
    .sort((a, b) => urgency(a) - urgency(b) || (a.subscription < b.subscription ? -1 : 1));
}

/** Messages that cannot be sent are kept under such a name; usually there are none. */
const OUTBOX = '.outbox';
const hasSome = ({ waiting, parked, delayed, dead }: SubscriptionBacklog): boolean =>
  waiting + parked + delayed + dead > 0;

/** By kind of trouble, not by numbers: rows must not jump while somebody reads. */
function urgency({ paused, dead, overdue, parked }: SubscriptionRow): number {
  return [paused !== undefined, dead > 0, overdue > 0, parked > 0, true].indexOf(true);
}

/** The instances of a service, with what is to be known of them at a glance. */
export interface ServiceRow {
  readonly service: string;
  readonly instances: readonly Instance[];
  readonly builds: readonly string[];
}

export function servicesOf(instances: readonly Instance[]): readonly ServiceRow[] {
  const names = [...new Set(instances.map(({ service }) => service))];
  return names.map((service) => {
    const own = instances.filter((one) => one.service === service);
    const builds = own.flatMap(({ status }) => (status?.build === undefined ? [] : [status.build]));
    return { service, instances: own, builds: [...new Set(builds)] };
  });
}
