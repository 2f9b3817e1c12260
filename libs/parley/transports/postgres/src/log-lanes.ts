import type { Subscription } from '@parley/messaging';

/**
 * Runs tasks: those of one key one after the other, in the order they came; different keys at the same time, up to the concurrency
 * of their subscription in all. Lanes take turns, so that a long one does not hold the others up.
 */
export class KeyLanes {
  private readonly lanes = new Map<string, (() => Promise<void>)[]>();
  private readonly ready: string[] = [];
  private running = 0;

  constructor(
    private readonly subscription: Pick<Subscription, 'concurrency' | 'onConcurrency'>,
    /** After each task. Tasks never reject. */
    private readonly onFinished: () => void = () => {},
  ) {
    subscription.onConcurrency?.(() => this.start());
  }

  add(key: string, task: () => Promise<void>): void {
    const lane = this.lanes.get(key);
    if (lane) return void lane.push(task);
    this.lanes.set(key, [task]);
    this.ready.push(key);
    this.start();
  }

  private start(): void {
    while (this.running < this.subscription.concurrency && this.ready.length > 0) void this.run(this.ready.shift()!);
  }

  private async run(key: string): Promise<void> {
    const lane = this.lanes.get(key)!;
    this.running++;
    await lane[0]!();
    this.running--;
    lane.shift();
    if (lane.length > 0) this.ready.push(key);
    else this.lanes.delete(key);
    this.onFinished();
    this.start();
  }
}
