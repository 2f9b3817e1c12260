import { contractNamed } from '@parley/contract';
import type { Envelope, OutgoingMessage } from './message';
import type { DeliveryObserver } from './observer';
import type { Publisher } from './publisher';
import type { Outbox, StoredMessage } from './store';
import type { TransportContext } from './technology';

const BATCH = 500;
/** After a pass that found something: those delayed meanwhile are looked for in the next one. */
const SOON = 250;
/** Only a fallback: the outbox wakes the relay after each commit. */
const POLL = 1_000;
const MAX_BACKOFF = 5_000;

/**
 * Takes messages from the outbox to their technology, in the order in which they were stored. One instance of a service relays,
 * the others stand by. A message leaves the outbox only after the technology confirmed it; what is not confirmed is published
 * again, under the same id.
 */
export class Relay {
  private stopping = false;
  private running?: Promise<void>;
  /** Something was added since the outbox was last read. */
  private woken = false;
  private resume?: () => void;

  constructor(
    private readonly outbox: Outbox,
    private readonly publisher: Publisher,
    private readonly process: Pick<TransportContext, 'clock' | 'log' | 'passes'> & { readonly observer?: DeliveryObserver },
  ) {}

  start(): void {
    this.outbox.onAdded(this.wake);
    this.running = this.run();
  }

  /** Relays what can be relayed within `milliseconds`, then stops. */
  async stop(milliseconds: number): Promise<void> {
    this.stopping = true;
    this.wake();
    let cancel = () => {};
    await Promise.race([this.running, new Promise<void>((resolve) => (cancel = this.process.clock.after(milliseconds, resolve)))]);
    cancel();
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const term = await this.outbox.lead().catch((error: unknown) => void this.process.log('warn', 'the outbox cannot be reached', { error }));
      if (term) await this.lead(term).finally(() => term.release().catch(() => undefined));
      else await this.pause(POLL);
    }
  }

  private async lead({ lost }: { readonly lost: AbortSignal }): Promise<void> {
    for (let failures = 0; !lost.aborted; ) {
      try {
        const relayed = await this.relay();
        failures = 0;
        if (relayed === BATCH) continue;
        if (this.stopping && relayed === 0) return;
        await this.pause(relayed > 0 ? SOON : await this.untilNext());
      } catch (error) {
        if (this.stopping) return;
        const backoff = Math.min(MAX_BACKOFF, 100 * 2 ** failures++);
        this.process.log('warn', `the outbox could not be relayed, again in ${backoff} ms: ${(error as Error).message}`);
        await this.pause(backoff);
      }
    }
  }

  private async relay(): Promise<number> {
    const stored = await this.outbox.due(BATCH);
    if (stored.length === 0) return 0;
    this.process.passes?.('relay.read');
    await this.publisher.now(stored.map(outgoing));
    this.process.passes?.('relay.published');
    await this.outbox.remove(stored.map(({ id }) => id));
    this.process.passes?.('relay.removed');
    this.process.observer?.relayed?.(stored.length);
    return stored.length;
  }

  private async untilNext(): Promise<number> {
    const { nextDue } = await this.outbox.state();
    return Math.min(POLL, Math.max(1, nextDue ?? POLL));
  }

  private readonly wake = (): void => {
    this.woken = true;
    this.resume?.();
  };

  private async pause(milliseconds: number): Promise<void> {
    if (!this.woken) {
      await new Promise<void>((resolve) => {
        const cancel = this.process.clock.after(milliseconds, resolve);
        this.resume = () => (cancel(), resolve());
      });
    }
    this.woken = false;
  }
}

const outgoing = ({ contract, headers, body }: StoredMessage): OutgoingMessage => ({
  contract: contractNamed(contract),
  envelope: headers as unknown as Envelope,
  body,
});
