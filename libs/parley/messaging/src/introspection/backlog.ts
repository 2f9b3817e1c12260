import type { Backlog } from '../ports/health';

/** One entry a subscription: several technologies may carry parts of one. */
export function addUp(backlogs: readonly Backlog[]): readonly Backlog[] {
  const sums = new Map<string, Backlog>();
  for (const one of backlogs) {
    const { waiting, parked, delayed, dead } = sums.get(one.subscription) ?? {
      waiting: 0,
      parked: 0,
      delayed: 0,
      dead: 0,
    };
    sums.set(one.subscription, {
      ...one,
      waiting: waiting + one.waiting,
      parked: parked + one.parked,
      delayed: delayed + one.delayed,
      dead: dead + one.dead,
    });
  }
  return [...sums.values()];
}

/** The backlog of a subscription, including its messages in the service's own store. */
export function withKept(backlog: Backlog, kept: Backlog | undefined): Backlog {
  if (!kept) return backlog;
  return {
    ...backlog,
    parked: backlog.parked + kept.parked + kept.waiting,
    delayed: backlog.delayed + kept.delayed,
    dead: backlog.dead + kept.dead,
  };
}
