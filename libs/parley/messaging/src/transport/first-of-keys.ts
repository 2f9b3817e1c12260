/** Messages that the former reader of a part of a log may have held in memory, about. */
const HELD_AHEAD = 64;

/**
 * Finds the messages that the former reader of a part of a log may have been handling when its
 * process ended without handing the part back: of the unfinished ones, the first of each key. The
 * position of that reader need not be known: if the message that ended the process comes later, the
 * position is further on the next time.
 */
export class FirstOfKeys {
  private readonly keys = new Set<string>();
  private left: number;

  constructor(orphaned: boolean) {
    this.left = orphaned ? HELD_AHEAD : 0;
  }

  /** True when the next message, which is of this key, is one of them. */
  take(key: string): boolean {
    if (this.left === 0) return false;
    this.left--;
    const isFirst = !this.keys.has(key);
    this.keys.add(key);
    return isFirst;
  }
}
