/**
 * Runs functions of the same name one after the other, in the order of the calls; different names
 * run in parallel.
 */
export class KeyedMutex {
  private readonly tails = new Map<string, Promise<void>>();

  /** `run` must not reject. */
  async take(name: string, run: () => Promise<void>): Promise<void> {
    const turn = (this.tails.get(name) ?? Promise.resolve()).then(run);
    this.tails.set(name, turn);
    await turn;
    if (this.tails.get(name) === turn) this.tails.delete(name);
  }
}

/**
 * Bounds the functions that run at a time; others wait in the order of the calls. The bound may
 * change: then call `changed`.
 */
export class Semaphore {
  private readonly waiting: Array<() => void> = [];
  private taken = 0;

  constructor(private readonly most: () => number) {}

  async hold<T>(run: () => Promise<T>): Promise<T> {
    if (this.taken < this.most()) this.taken++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await run();
    } finally {
      this.taken--;
      this.changed();
    }
  }

  changed(): void {
    while (this.taken < this.most() && this.waiting.length > 0) {
      this.taken++;
      this.waiting.shift()!();
    }
  }
}

/** Work in progress, to be awaited. */
export class Underway {
  private readonly work = new Set<Promise<unknown>>();

  add<T>(promise: Promise<T>): Promise<T> {
    this.work.add(promise);
    const remove = () => this.work.delete(promise);
    promise.then(remove, remove);
    return promise;
  }

  get size(): number {
    return this.work.size;
  }

  /** Resolves when no work is in progress, work added meanwhile included. */
  async ended(): Promise<void> {
    while (this.work.size > 0) await Promise.allSettled(this.work);
  }
}
