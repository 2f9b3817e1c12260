import { startTimer } from '@parley/resilience';

/** The deliveries and calls under way, so that a drain can wait for them. */
export class InFlight {
  private readonly running = new Set<AbortController>();
  private readonly waiting = new Set<() => void>();

  get size(): number {
    return this.running.size;
  }

  async track<T>(work: (cancelled: AbortSignal) => Promise<T>): Promise<T> {
    const handling = new AbortController();
    this.running.add(handling);
    try {
      return await work(handling.signal);
    } finally {
      this.running.delete(handling);
      if (this.running.size === 0) for (const idle of this.waiting) idle();
    }
  }

  /**
   * Resolves true once nothing is running, or false after `milliseconds`; handlings still running
   * are aborted then.
   */
  async drained(milliseconds: number): Promise<boolean> {
    if (this.running.size === 0) return true;
    const drained = await new Promise<boolean>((resolve) => {
      const settle = (idle: boolean) => {
        cancel();
        this.waiting.delete(idled);
        resolve(idle);
      };
      const idled = () => settle(true);
      const cancel = startTimer(milliseconds, () => settle(false));
      this.waiting.add(idled);
    });
    if (!drained)
      for (const handling of this.running) handling.abort(new Error('the service is stopping'));
    return drained;
  }
}
