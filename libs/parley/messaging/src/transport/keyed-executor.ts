/** The most tasks at a time, which may change meanwhile. A subscription is one. */
export interface ConcurrencyLimit {
  readonly concurrency: number;
  readonly onConcurrency?: (changed: () => void) => void;
}

type Task = () => Promise<void>;

/**
 * Runs tasks: those of one key one after the other, in their order of arrival; different keys at
 * the same time, up to the limit. Lanes take turns, so that a long one does not delay the others.
 */
export class KeyedExecutor {
  /** By key: tasks that have not begun. A lane is here while it waits or one of its tasks runs. */
  private readonly lanes = new Map<string, Task[]>();
  private ready: string[] = [];
  private running = 0;
  private readonly idlers: (() => void)[] = [];

  constructor(
    private readonly bound: ConcurrencyLimit,
    /** After each task, and when there is more room. */
    private readonly onRoom: () => void = () => {},
  ) {
    bound.onConcurrency?.(() => {
      this.changed();
      this.onRoom();
    });
  }

  /** Tasks that could start at once if their keys are not in use. */
  get room(): number {
    return Math.max(0, this.bound.concurrency - this.running - this.ready.length);
  }

  /** `task` must not reject. */
  add(key: string, task: Task): void {
    const lane = this.lanes.get(key);
    if (lane) return void lane.push(task);
    this.lanes.set(key, [task]);
    this.ready.push(key);
    this.changed();
  }

  /** Drops the tasks that have not begun. */
  clear(): void {
    for (const key of this.ready) this.lanes.delete(key);
    this.ready = [];
    for (const lane of this.lanes.values()) lane.length = 0;
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    return this.running === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.idlers.push(resolve));
  }

  /** Starts further tasks. Call it after raising the limit, unless the limit notifies by itself. */
  changed(): void {
    while (this.running < this.bound.concurrency && this.ready.length > 0) {
      const key = this.ready.shift()!;
      void this.run(key, this.lanes.get(key)!);
    }
  }

  private async run(key: string, lane: Task[]): Promise<void> {
    this.running++;
    await lane.shift()!();
    this.running--;
    if (lane.length > 0) this.ready.push(key);
    else this.lanes.delete(key);
    this.changed();
    this.onRoom();
    if (this.running === 0) for (const idle of this.idlers.splice(0)) idle();
  }
}
