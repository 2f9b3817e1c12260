import type { Item } from './queue-item';

/**
 * Faults of a real broker, reproducible by their seed: it delivers messages twice, other keys
 * first, or late. It loses none, and keeps the order of each key.
 */
export class FaultInjection {
  private readonly duplicate: number;
  private readonly delay: number;
  /** True when other keys may be delivered first. */
  readonly reorders: boolean;
  private state: number;

  /**
   * Reads the options of the URL: `?seed=7&duplicate=0.2&delay=50&reorder`. Without them no faults
   * are injected.
   */
  constructor(options: URLSearchParams) {
    this.duplicate = Number(options.get('duplicate') ?? 0);
    this.delay = Number(options.get('delay') ?? 0);
    this.reorders = options.has('reorder');
    this.state = Number(options.get('seed') ?? 1);
  }

  tamper(item: Item, now: number): readonly Item[] {
    const late = (): Item =>
      this.delay > 0
        ? { ...item, due: Math.max(item.due, now + Math.floor(this.random() * this.delay)) }
        : { ...item };
    return this.duplicate > 0 && this.random() < this.duplicate ? [late(), late()] : [late()];
  }

  pick<T>(choices: readonly T[]): T | undefined {
    return choices[Math.floor(this.random() * choices.length)];
  }

  /** Numerical Recipes' linear congruential generator; its high bits are good enough here. */
  private random(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state / 2 ** 32;
  }
}
