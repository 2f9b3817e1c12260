/** How many at a time, which may change meanwhile. A subscription is one. */
export interface Bound {
  readonly concurrency: number;
  readonly onConcurrency?: (changed: () => void) => void;
}

/**
 * Runs tasks: those of one key one after the other, in the order they came; different keys at the same time, as many as the bound
 * says. Lanes take turns, so that a long one does not hold the others up.
 */
export class KeyLanes {
  private readonly lanes = new Map<string, (() => Promise<void>)[]>();
  private readonly ready: string[] = [];
  private running = 0;

  constructor(
    private readonly bound: Bound,
    /** After each task, and when there is more room. */
    private readonly onRoom: () => void = () => {},
  ) {
    bound.onConcurrency?.(() => {
      this.start();
      this.onRoom();
    });
  }

  /** Tasks that could start at once if they were of other keys than those that are here. */
  get room(): number {
    return Math.max(0, this.bound.concurrency - this.running - this.ready.length);
  }

  /** `task` must not reject. */
  add(key: string, task: () => Promise<void>): void {
    const lane = this.lanes.get(key);
    if (lane) return void lane.push(task);
    this.lanes.set(key, [task]);
    this.ready.push(key);
    this.start();
  }

  private start(): void {
    while (this.running < this.bound.concurrency && this.ready.length > 0) void this.run(this.ready.shift()!);
  }

  private async run(key: string): Promise<void> {
    const lane = this.lanes.get(key)!;
    this.running++;
    await lane[0]!();
    this.running--;
    lane.shift();
    if (lane.length > 0) this.ready.push(key);
    else this.lanes.delete(key);
    this.start();
    this.onRoom();
  }
}
