import { contractIfLoaded } from '@parley/contract';
import { lookAgain } from '../clock';
import { bugDetails } from '../ports/outage';
import { OutboxDeadLetters } from './outbox-dead-letters';
import type { Publisher } from './publisher';
import {
  outgoing,
  READ_AT_ONCE,
  type RelayProcess,
  RelayTerm,
  UnknownContractError,
} from './relay-term';
import type { Store, StoredMessage } from '../ports/store';
import type { Backlog } from '../ports/health';

/**
 * Milliseconds after a pass that found messages: the next pass finds messages delayed meanwhile.
 */
const SOON_MS = 250;
/** Only a fallback: the outbox wakes the relay after each commit. */
const POLL_MS = 1_000;
const MAX_BACKOFF_MS = 5_000;
/**
 * Milliseconds in which an instance lets the others relay, after it met a message that its build does
 * not know. Longer than they take to notice.
 */
const YIELD_MS = 2_000;
const YIELD_AGAIN_AFTER_MS = 60_000;

/**
 * Takes messages from the outbox to their technologies, those of a lane in the order in which they
 * were stored, each technology at its own pace. One instance of a service relays, the others stand
 * by. A message leaves the outbox only after its technology confirmed it; one that is not confirmed
 * is published again, under the same id; one that never can be published becomes a dead letter of
 * this service.
 */
export class OutboxRelay {
  private readonly letters: OutboxDeadLetters;
  private stopping = false;
  private running?: Promise<void>;
  /** True when messages were added since the outbox was last read. */
  private woken = false;
  private resume?: () => void;
  private endRest?: () => void;
  private yieldedAt = -Infinity;
  private term?: RelayTerm;

  constructor(
    private readonly store: Store,
    private readonly publisher: Publisher,
    private readonly process: RelayProcess,
  ) {
    this.letters = new OutboxDeadLetters(store, process, (stored) => this.publishStored(stored));
  }

  start(): void {
    this.store.outbox.onAdded(this.wake);
    this.running = this.run();
  }

  /** Relays messages for at most `milliseconds`, then stops. */
  async stop(milliseconds: number): Promise<void> {
    this.stopping = true;
    this.wake();
    this.endRest?.();
    let cancel = () => {};
    await Promise.race([
      this.running,
      new Promise<void>((resolve) => (cancel = this.process.clock.after(milliseconds, resolve))),
    ]);
    cancel();
    await this.letters.stop();
  }

  /** Dead letters of messages to be published, and the messages behind them. */
  backlog(): Promise<readonly Backlog[]> {
    return this.letters.backlog();
  }

  /** Why messages wait in the outbox, where this instance relays. */
  reasons(): readonly string[] {
    return this.term?.reasons() ?? [];
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const led = await this.store.outbox
        .lead()
        .catch(
          (error: unknown) =>
            void this.process.log('warn', 'the outbox cannot be reached', { error }),
        );
      if (led) await this.lead(led.lost).finally(() => led.release().catch(() => undefined));
      if (!this.stopping) await this.rest(led ? { dueMs: YIELD_MS } : { pollMs: POLL_MS });
    }
  }

  private async lead(lost: AbortSignal): Promise<void> {
    const { store, publisher, process, letters } = this;
    const term = (this.term = new RelayTerm({
      store,
      publisher,
      process,
      letters,
      lost,
      wake: this.wake,
    }));
    try {
      await this.during(term, lost);
    } finally {
      this.term = undefined;
      await term.end();
    }
  }

  /** Relays until the lead is lost, given to another instance, or not needed any more. */
  private async during(term: RelayTerm, lost: AbortSignal): Promise<void> {
    for (let failures = 0; !lost.aborted;) {
      try {
        await term.open();
        const read = await term.read();
        failures = 0;
        if (this.stopping && read === 0 && !term.isBusy) return;
        if (term.knowsTooLittle && !this.stopping && this.mayYield()) return;
        if (read < READ_AT_ONCE || term.isFull)
          await (read > 0 ? this.pause(SOON_MS) : this.pause(await this.untilNext(term), POLL_MS));
      } catch (error) {
        if (this.stopping) return;
        const backoff = Math.min(MAX_BACKOFF_MS, 100 * 2 ** failures++);
        this.process.log(
          'warn',
          `the outbox could not be relayed, again in ${backoff} ms: ${(error as Error).message}`,
          bugDetails(error),
        );
        await this.pause(backoff);
      }
    }
  }

  /**
   * True when this instance should give up the lead for a while: a newer build may know a contract
   * that this one does not.
   */
  private mayYield(): boolean {
    const now = this.process.clock.elapsed();
    if (now - this.yieldedAt < YIELD_AGAIN_AFTER_MS) return false;
    this.yieldedAt = now;
    this.process.log(
      'info',
      'the outbox has messages that this build cannot address; another instance may lead now',
    );
    return true;
  }

  private async publishStored(
    stored: Pick<StoredMessage, 'contract' | 'headers' | 'body'>,
  ): Promise<void> {
    const contract = contractIfLoaded(stored.contract);
    if (!contract) throw new UnknownContractError(stored.contract);
    const message = outgoing(stored, contract);
    const failures = await this.publisher.each(this.publisher.route(contract), [message]);
    if (failures.has(message)) throw failures.get(message);
  }

  /** Messages that cannot be addressed wait for their end, not for another instance. */
  private async untilNext(term: RelayTerm): Promise<number> {
    const { nextDue = Infinity } = await this.store.outbox.state();
    return Math.max(1, term.knowsTooLittle ? Math.min(nextDue, POLL_MS) : nextDue);
  }

  private readonly wake = (): void => {
    this.woken = true;
    this.resume?.();
  };

  private async pause(dueMs: number, pollMs = Infinity): Promise<void> {
    if (!this.woken) {
      await new Promise<void>((resolve) => {
        const cancel = lookAgain(this.process.clock, { dueMs, pollMs }, resolve);
        this.resume = () => (cancel(), resolve());
      });
    }
    this.woken = false;
  }

  /** While another instance leads, it notices the messages that are added here. */
  private rest({ dueMs = Infinity, pollMs = Infinity }): Promise<void> {
    return new Promise((resolve) => {
      const cancel = lookAgain(this.process.clock, { dueMs, pollMs }, resolve);
      this.endRest = () => (cancel(), resolve());
    });
  }
}
