/**
 * Runs what shares a name one after the other, in the order of asking; different names side by
 * side.
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
 * At most so many at a time; the others wait in the order of asking. The bound may change: then
 * call `changed`.
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

/** Work under way, to be waited for. */
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

  /** Resolves when nothing is under way, what was begun meanwhile included. */
  async ended(): Promise<void> {
    while (this.work.size > 0) await Promise.allSettled(this.work);
  }
}
