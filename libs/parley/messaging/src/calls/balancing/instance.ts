import type { SlidingWindow } from '@parley/resilience';
import type { Clock } from '../../clock';
import type { CallConnection, InstanceState } from '../../ports/call-transport';
import { addressOf, type InstanceAddress } from './calls-url';
import { Ejection, recentResults } from './outliers';

/** Milliseconds that an instance is left out after its first failure in a row. */
const FIRST_PAUSE_MS = 100;
/** Milliseconds that an instance is left out at most: one that came back is used within these. */
const LONGEST_PAUSE_MS = 2_000;

/** Resolves when an instance accepts connections. */
export type Reach = (instance: InstanceAddress) => Promise<void>;

/**
 * One instance as a caller sees it. It is in use when it was reached and did not fail since; one
 * that is not in use is asked only when there is no other, and tried in the background.
 */
export class Instance {
  readonly address: string;
  /** Requests that wait for its reply. */
  inFlight = 0;
  /** Outcomes of its requests, for the comparison with the other instances. */
  readonly results: SlidingWindow;
  private readonly ejection: Ejection;
  private isReached = false;
  private failuresInARow = 0;
  /** How often it was left out. Replies to earlier requests do not bring it back. */
  private timesLeftOut = 0;
  private pausedUntil = -Infinity;
  private isBeingReached = false;
  private hasLeft = false;
  private connected?: CallConnection;

  constructor(
    readonly at: InstanceAddress,
    private readonly clock: Pick<Clock, 'elapsed'>,
    private readonly connect: () => CallConnection,
  ) {
    this.address = addressOf(at);
    this.results = recentResults(clock);
    this.ejection = new Ejection(clock);
  }

  get isInUse(): boolean {
    return this.isReached && !this.isEjected;
  }

  get isEjected(): boolean {
    return !this.ejection.isOver;
  }

  /** Leaves it out, because it fails much more often than the others: longer each time. */
  eject(): void {
    this.ejection.begin();
    this.results.clear();
  }

  get state(): InstanceState {
    return {
      address: this.address,
      state: this.isEjected ? 'ejected' : this.isReached ? 'in use' : 'left out',
      inFlight: this.inFlight,
      ejections: this.ejection.times,
    };
  }

  get connection(): CallConnection {
    return (this.connected ??= this.connect());
  }

  /**
   * It answered, be it with a fault.
   * @param started what `started` returned for this request
   */
  answered(started: number): void {
    if (this.hasLeft || started !== this.timesLeftOut) return;
    this.failuresInARow = 0;
    this.isReached = true;
  }

  /** It could not be reached. Failures of requests sent together count once. */
  unreachable(): void {
    if (this.isReached || this.clock.elapsed() >= this.pausedUntil) this.failuresInARow++;
    this.leaveOut();
  }

  /** A connection broke: new ones have to show whether the instance is still there. */
  connectionLost(): void {
    this.leaveOut();
  }

  /** Tries in the background whether it is back, when its pause is over. */
  tryAgain(reach: Reach): void {
    if (this.isReached || this.isBeingReached || this.clock.elapsed() < this.pausedUntil) return;
    this.isBeingReached = true;
    void reach(this.at).then(
      () => {
        this.isBeingReached = false;
        this.isReached = !this.hasLeft;
      },
      () => {
        this.isBeingReached = false;
        this.unreachable();
      },
    );
  }

  started(): number {
    this.inFlight++;
    return this.timesLeftOut;
  }

  ended(): void {
    this.inFlight--;
    if (this.hasLeft && this.inFlight === 0) void this.close();
  }

  /** Its address left the list: closed when the replies under way have arrived. */
  leave(): void {
    this.hasLeft = true;
    this.isReached = false;
    if (this.inFlight === 0) void this.close();
  }

  async close(): Promise<void> {
    const { connected } = this;
    this.connected = undefined;
    await connected?.close();
  }

  private leaveOut(): void {
    this.isReached = false;
    this.timesLeftOut++;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.failuresInARow - 1));
    this.pausedUntil = this.clock.elapsed() + Math.max(FIRST_PAUSE_MS, pause);
  }
}
