import { addressOf, type Balance, type InstanceAddress } from './calls-url';
import type { Instance, Reach } from './instance';
import { isOutlier } from './outliers';

/** The instances of one owner, and the rule by which one is chosen for a request. */
export class InstancePool {
  private instances: readonly Instance[] = [];
  /** Callers begin at different instances. */
  private turn = Math.floor(Math.random() * 1_000);

  constructor(
    private readonly balance: Balance,
    private readonly instanceAt: (address: InstanceAddress) => Instance,
    private readonly reach: Reach,
    /** From 0 to 1. */
    private readonly random: () => number = Math.random,
  ) {}

  all(): readonly Instance[] {
    return this.instances;
  }

  /** Keeps the instances that are still listed, with their state. */
  update(addresses: readonly InstanceAddress[]): void {
    const before = new Map(this.instances.map((instance) => [instance.address, instance]));
    this.instances = addresses.map((at) => before.get(addressOf(at)) ?? this.instanceAt(at));
    const kept = new Set(this.instances);
    for (const instance of before.values()) if (!kept.has(instance)) instance.leave();
  }

  /**
   * The instance for a request: one in use that this request was not sent to; else one in use; else
   * one that is left out. Undefined when all were asked by this call.
   * @param asked by this call, never chosen again
   * @param tried addresses that earlier tries of the request were sent to
   */
  choose(asked: ReadonlySet<Instance>, tried?: ReadonlySet<string>): Instance | undefined {
    const inUse = this.instances.filter((one) => one.isInUse && !asked.has(one));
    const fresh = tried?.size ? inUse.filter(({ address }) => !tried.has(address)) : inUse;
    const chosen =
      this.oneOf(fresh) ??
      this.oneOf(inUse) ??
      this.oneOf(this.instances.filter((one) => !asked.has(one)));
    for (const one of this.instances) if (one !== chosen && !one.isInUse) one.tryAgain(this.reach);
    return chosen;
  }

  /**
   * Ejects an instance whose request just failed, if it is an outlier; never more than half of the
   * instances.
   */
  judge(instance: Instance): void {
    const others = this.instances.filter((other) => other !== instance);
    const ejected = others.filter(({ isEjected }) => isEjected).length + 1;
    if (ejected > this.instances.length / 2) return;
    const counts = others.map(({ results }) => results.counts());
    if (isOutlier(instance.results.counts(), counts)) instance.eject();
  }

  private oneOf(candidates: readonly Instance[]): Instance | undefined {
    if (candidates.length <= 1) return candidates[0];
    return this.balance === 'least-requests'
      ? this.lessBusyOfTwo(candidates)
      : candidates[this.turn++ % candidates.length];
  }

  /** The power of two choices: two at random, the one with fewer requests in flight. */
  private lessBusyOfTwo(candidates: readonly Instance[]): Instance | undefined {
    const first = Math.floor(this.random() * candidates.length);
    const step = 1 + Math.floor(this.random() * (candidates.length - 1));
    const one = candidates[first]!;
    const other = candidates[(first + step) % candidates.length]!;
    return other.inFlight < one.inFlight ? other : one;
  }
}
