/** Most lanes remembered; the acknowledgement notices the others. */
const MOST = 10_000;

/**
 * Lanes that are probably parked: their messages are checked before the handler runs, not at the
 * acknowledgement, so that no handler reads data that an earlier message is about to change. Only a
 * hint; the store decides.
 */
export class ParkedLanes {
  private readonly lanes = new Set<string>();

  add(subscription: string, key: string): void {
    if (this.lanes.size >= MOST) this.lanes.clear();
    this.lanes.add(nameOf(subscription, key));
  }

  has(subscription: string, key: string): boolean {
    return this.lanes.size > 0 && this.lanes.has(nameOf(subscription, key));
  }

  /** The store reported that the lane is free. */
  delete(subscription: string, key: string): void {
    this.lanes.delete(nameOf(subscription, key));
  }
}

const nameOf = (subscription: string, key: string): string => `${subscription} ${key}`;
