import type { Envelope } from '../message/message';
import type { Clock } from '../clock';
import { describeError, type Failure, ProcessEndedError } from '../message/failure';
import type { TransportContext } from '../ports/transport';
import type { Delivery } from '../ports/delivery';
import type { HandlerOptions } from '../ports/subscription';
import type { Suspects } from '../ports/suspects';

/**
 * Deliveries, each handled alone, that may end without an outcome before the message is a dead
 * letter.
 */
export const UNFINISHED_AT_MOST = 4;

/** The same, from the options of this handler. */
export const unfinishedAtMost = ({ retry }: HandlerOptions): number =>
  retry?.unfinished ?? UNFINISHED_AT_MOST;

/**
 * Milliseconds for which a suspect waits until all other handlings of its process have ended; then
 * it is handled all the same.
 */
const ALONE_WITHIN_MS = 10_000;
/**
 * Milliseconds for which a suspect that may have ended a process lets other messages begin first:
 * messages read beside it would be lost with it.
 */
const LAST_WITHIN_MS = 2_000;
/**
 * Milliseconds for other messages to arrive, before a suspect is handled that may have ended a
 * process while it was alone.
 */
const ARRIVE_WITHIN_MS = 500;
const ENDED_AGAIN_AFTER_MS = 1_000;

/** The identity under which a suspect's handlings are recorded. */
export interface SuspectPlace {
  readonly suspects: Suspects;
  readonly instance: string;
  readonly clock: Clock;
  readonly log: TransportContext['log'];
}

/** One delivery of a suspect, until it has an outcome. */
export class SuspectHandling {
  private begun = false;
  /** Ends the solitude, if it lasts: lets other handlings run. */
  private leave?: () => void;

  constructor(
    private readonly place: SuspectPlace,
    private readonly delivery: Pick<Delivery, 'subscription'>,
    private readonly envelope: Envelope,
    private readonly atMost: number,
  ) {}

  /**
   * Runs one try. The handling is alone and recorded from its first try until `end` or `release`:
   * were it alone for its tries only, the next suspect could end the process before the outcome of
   * this one is stored, and it would be counted against both.
   * @throws ProcessEndedError when too many handlings before it had no outcome
   */
  async run<T>(solitude: Solitude, work: () => Promise<T>): Promise<T> {
    if (!this.leave) {
      if ((await this.before()) > 0) {
        await this.letOthersArrive();
        await solitude.idle(LAST_WITHIN_MS);
      }
      this.leave = await solitude.enterAlone();
    }
    if (!this.begun) await this.begin();
    return work();
  }

  /** Waits for other messages: a process that has just started has hardly read any yet. */
  private letOthersArrive(): Promise<void> {
    return new Promise((resolve) => void this.place.clock.after(ARRIVE_WITHIN_MS, resolve));
  }

  private async before(): Promise<number> {
    const { suspects, log } = this.place;
    const { name } = this.delivery.subscription;
    const unfinished = await suspects.unfinished(name, this.envelope.id);
    if (unfinished.length >= this.atMost) {
      this.begun = true; // dead is an outcome
      throw new ProcessEndedError(unfinished);
    }
    const reported =
      unfinished.length === 0
        ? ''
        : `; ${unfinished.length} of ${this.atMost} handlings alone had none`;
    // Once in flight when a process ended: usual. Again, and alone: it may be the reason.
    log(
      unfinished.length === 0 ? 'info' : 'warn',
      `${this.envelope.type} came back to ${name} without an outcome and is handled alone${reported}`,
      { messageId: this.envelope.id },
    );
    return unfinished.length;
  }

  private async begin(): Promise<void> {
    await this.place.suspects.begin(
      this.delivery.subscription.name,
      this.envelope.id,
      this.place.instance,
    );
    this.begun = true;
  }

  /**
   * Records the outcome. Tries again until the store has it: the message must not die of a handling
   * with an outcome.
   */
  async end(): Promise<void> {
    await this.forget();
    this.release();
  }

  /** Lets others run again; without an outcome the handling stays recorded. */
  release(): void {
    this.leave?.();
    this.leave = undefined;
  }

  private async forget(): Promise<void> {
    if (!this.begun) return;
    this.begun = false;
    await this.recordEnd();
  }

  private async recordEnd(): Promise<void> {
    const { suspects, clock, log } = this.place;
    try {
      await suspects.end(this.delivery.subscription.name, this.envelope.id);
    } catch (error) {
      log('debug', `the outcome of ${this.envelope.type} could not be recorded; trying again`, {
        error,
      });
      clock.after(ENDED_AGAIN_AFTER_MS, () => void this.recordEnd());
    }
  }
}

/**
 * The evidence of the dead letter: counts the handlings without an outcome, not the delivery that
 * found them.
 */
export function evidenceOf(error: ProcessEndedError, former: Failure | undefined): Failure {
  const [first, last] = [error.unfinished.at(0)!, error.unfinished.at(-1)!];
  return {
    ...describeError(error),
    stack: '', // of nobody's code
    tries: (former?.tries ?? 0) + error.unfinished.length,
    instance: last.instance,
    firstFailedAt: former?.firstFailedAt ?? first.at.toISOString(),
    lastFailedAt: last.at.toISOString(),
  };
}

/**
 * Lets handlings run at the same time, and some of them alone, in the order in which they arrived.
 */
export class Solitude {
  private running = 0;
  private isAlone = false;
  private readonly idlers = new Set<() => void>();
  private readonly waiting: { readonly alone: boolean; readonly go: () => void }[] = [];

  constructor(private readonly clock: Clock) {}

  async beside<T>(work: () => Promise<T>): Promise<T> {
    return this.run(false, work);
  }

  /**
   * Resolves when nothing runs, and so nothing waits, or after so many milliseconds; meanwhile
   * others may begin.
   */
  async idle(milliseconds: number): Promise<void> {
    if (this.running === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.clock.after(milliseconds, () => (this.idlers.delete(idled), resolve()));
      const idled = () => (cancel(), resolve());
      this.idlers.add(idled);
    });
  }

  /** Waits until nothing else runs, but not for ever; meanwhile nothing else begins. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    return this.run(true, work);
  }

  /** Like `alone`; resolves to the function that ends it. */
  async enterAlone(): Promise<() => void> {
    await this.begin(true);
    return () => this.leave(true);
  }

  private async run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    await this.begin(alone);
    try {
      return await work();
    } finally {
      this.leave(alone);
    }
  }

  private async begin(alone: boolean): Promise<void> {
    if (this.waiting.length > 0 || !this.hasRoom(alone)) await this.turn(alone);
    else this.enter(alone);
  }

  private leave(alone: boolean): void {
    this.running--;
    if (alone) this.isAlone = false;
    while (this.waiting.length > 0 && this.hasRoom(this.waiting[0]!.alone))
      this.waiting.shift()!.go();
    if (this.running === 0) this.wakeIdlers();
  }

  private wakeIdlers(): void {
    for (const idled of this.idlers) idled();
    this.idlers.clear();
  }

  private turn(alone: boolean): Promise<void> {
    return new Promise((resolve) => {
      let cancel = () => {};
      const one = {
        alone,
        go: () => {
          cancel();
          this.enter(alone);
          resolve();
        },
      };
      const waitNoLonger = () => {
        if (this.isAlone) return void (cancel = this.clock.after(ALONE_WITHIN_MS, waitNoLonger));
        this.waiting.splice(this.waiting.indexOf(one), 1);
        one.go();
      };
      this.waiting.push(one);
      if (alone) cancel = this.clock.after(ALONE_WITHIN_MS, waitNoLonger);
    });
  }

  private enter(alone: boolean): void {
    this.running++;
    if (alone) this.isAlone = true;
  }

  private hasRoom(alone: boolean): boolean {
    return !this.isAlone && (!alone || this.running === 0);
  }
}
