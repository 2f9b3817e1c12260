/** Messages that the former reader of a part of a log may have held in memory, about. */
const HELD_AHEAD = 64;

/**
 * Which messages the former reader of a part of a log may have been handling when its process ended
 * without handing the part back: of those that were not finished, the first of each key. There is
 * no need to know how far it had read: if the one that ended it comes later, the position is
 * further on the next time.
 */
export class FirstOfKeys {
  private readonly keys = new Set<string>();
  private left: number;

  constructor(orphaned: boolean) {
    this.left = orphaned ? HELD_AHEAD : 0;
  }

  /** Whether the next message, which is of this key, is one of them. */
  take(key: string): boolean {
    if (this.left === 0) return false;
    this.left--;
    const isFirst = !this.keys.has(key);
    this.keys.add(key);
    return isFirst;
  }
}
