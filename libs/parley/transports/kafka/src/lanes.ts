/**
 * Runs tasks: those of one key one after the other, in the order they came; different keys at the same time, up to `concurrency` in
 * all. Lanes take turns, so that a long one does not hold up the others.
 */
export class KeyLanes {
  private readonly lanes = new Map<string, (() => Promise<void>)[]>();
  private ready: string[] = [];
  private running = 0;
  private readonly idlers: (() => void)[] = [];

  constructor(
    /** Asked before each task. */
    private readonly concurrency: () => number,
  ) {}

  /** `task` must not reject. */
  add(key: string, task: () => Promise<void>): void {
    const lane = this.lanes.get(key);
    if (lane) return void lane.push(task);
    this.lanes.set(key, [task]);
    this.ready.push(key);
    this.changed();
  }

  /** More may run now. */
  readonly changed = (): void => {
    while (this.running < this.concurrency()) {
      const key = this.ready.shift();
      if (key === undefined) return;
      void this.run(key, this.lanes.get(key)!);
    }
  };

  /** Forgets what has not begun. */
  clear(): void {
    for (const key of this.ready) this.lanes.delete(key);
    this.ready = [];
    for (const lane of this.lanes.values()) lane.length = 0;
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    return this.running === 0 ? Promise.resolve() : new Promise((resolve) => this.idlers.push(resolve));
  }

  private async run(key: string, lane: (() => Promise<void>)[]): Promise<void> {
    this.running++;
    await lane.shift()!();
    this.running--;
    if (lane.length > 0) this.ready.push(key);
    else this.lanes.delete(key);
    this.changed();
    if (this.running === 0) for (const idle of this.idlers.splice(0)) idle();
  }
}
