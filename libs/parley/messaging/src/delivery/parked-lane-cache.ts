/**
 * More than this many are not remembered; those beyond are found out about by the acknowledgement.
 */
const MOST = 10_000;

/**
 * Lanes this process knows, or thinks, to be parked: their messages are asked to wait before they
 * are handled, not when they are acknowledged, so that none reads what its predecessor is about to
 * change. Only a hint; the store knows.
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

  /** The store says that the lane is free. */
  delete(subscription: string, key: string): void {
    this.lanes.delete(nameOf(subscription, key));
  }
}

const nameOf = (subscription: string, key: string): string => `${subscription} ${key}`;
