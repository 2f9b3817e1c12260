/**
 * A bound on the requests to one target that are under way at the same time: a target that hangs
 * holds no more memory than these. There is no queue; a request beyond the bound is refused at once.
 */
export class Bulkhead {
  private active = 0;

  constructor(readonly limit: number) {}

  get inFlight(): number {
    return this.active;
  }

  /** False: full, refuse the request. Each true is followed by one `leave`. */
  enter(): boolean {
    if (this.active >= this.limit) return false;
    this.active += 1;
    return true;
  }

  leave(): void {
    this.active -= 1;
  }
}
