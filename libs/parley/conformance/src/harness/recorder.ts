/** Records entries in order, and waits for them. */
export class Recorder<T> {
  readonly entries: T[] = [];
  private readonly waiting = new Set<() => void>();

  readonly note = (entry: T): void => {
    this.entries.push(entry);
    for (const look of [...this.waiting]) look();
  };

  /**
   * Resolves once there are that many entries that count; rejects with a list of the entries so
   * far.
   */
  async reach(
    count: number,
    which: (entry: T) => boolean = () => true,
    patience = 20_000,
  ): Promise<readonly T[]> {
    await this.until(
      (entries) => entries.filter(which).length >= count,
      `${count} entries`,
      patience,
    );
    return this.entries.filter(which);
  }

  until(holds: (entries: readonly T[]) => boolean, what: string, patience = 20_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds(this.entries)) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(
          new Error(
            `waited ${patience} ms for ${what}; seen were ${this.entries.length}: ${JSON.stringify(this.entries.slice(-20)).slice(0, 1_500)}`,
          ),
        );
      }, patience);
      this.waiting.add(look);
      look();
    });
  }
}

/** Something to wait for that the test opens. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

const OFTEN = 10;

/** Polls until there is a result: for facts that only a database or a broker knows. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
  patience = 20_000,
): Promise<T> {
  const until = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > until) throw new Error(`waited ${patience} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, OFTEN));
  }
}

/** Polls until the check does not throw any more; then throws its last error. */
export async function eventuallyPasses(
  check: () => Promise<void> | void,
  patience = 20_000,
): Promise<void> {
  let last: unknown;
  await eventually(
    async () => {
      try {
        await check();
        return true;
      } catch (error) {
        last = error;
        return false;
      }
    },
    'the check to pass',
    patience,
  ).catch(() => {
    throw last;
  });
}
