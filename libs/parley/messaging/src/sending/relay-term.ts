import { contractIfLoaded, type Contract } from '@parley/contract';
import { laneOf } from '../transport/publish-in-order';
import type { Envelope, OutgoingMessage } from '../message/message';
import type { DeliveryObserver } from '../ports/observer';
import type { OutboxDeadLetters, OutboxRow } from './outbox-dead-letters';
import { NoRouteError, type Publisher } from './publisher';
import { UnpublishableError } from '../ports/publish-errors';
import { LINE_CAPACITY, type LineRow, RelayLine } from './relay-line';
import type { Store, StoredMessage } from '../ports/store';
import type { Transport, TransportContext } from '../ports/transport';

export const READ_AT_ONCE = 500;
/**
 * How long a message that this build cannot address waits for another build. Less than the age at
 * which readiness calls the outbox stuck.
 */
const UNKNOWN_GRACE_MS = 20_000;

/** The outbox holds a message of a contract that this build does not have. */
export class UnknownContractError extends UnpublishableError {
  override readonly name = 'UnknownContractError';
  constructor(contract: string) {
    super(
      `no instance that relays knows the contract ${contract}; replay it when a build that does is running`,
    );
  }
}

export type RelayProcess = Pick<
  TransportContext,
  'clock' | 'log' | 'passes' | 'service' | 'instance'
> & { readonly observer?: DeliveryObserver };

interface TermContext {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly process: RelayProcess;
  readonly letters: OutboxDeadLetters;
  readonly lost: AbortSignal;
  readonly wake: () => void;
}

/** A message that this build cannot address. */
interface Unaddressed {
  readonly row: OutboxRow;
  readonly since: number;
  /** The reason; undefined when an earlier message of its lane is the reason. */
  readonly cause?: UnpublishableError;
}

/** The time for which one instance relays: no other instance publishes the messages it holds. */
export class RelayTerm {
  isOpen = false;
  private ended = false;
  private readonly lines = new Map<Transport, RelayLine>();
  private unaddressed: Unaddressed[] = [];

  constructor(private readonly context: TermContext) {}

  /** True when a technology publishes right now. */
  get isBusy(): boolean {
    return [...this.lines.values()].some(({ idle }) => idle !== undefined);
  }

  /** Every technology holds as many messages as it may, also one that was not needed so far. */
  get isFull(): boolean {
    const transports = this.context.publisher.transports();
    return transports.length > 0 && transports.every((each) => this.lines.get(each)?.isFull);
  }

  /** True when the outbox has messages of a contract, or a kind, that this build cannot address. */
  get knowsTooLittle(): boolean {
    return this.unaddressed.length > 0;
  }

  reasons(): readonly string[] {
    const unknown = this.unaddressed.flatMap(({ row, cause }) =>
      cause ? [`${row.contract}: ${cause.message}`] : [],
    );
    return [
      ...new Set([...unknown, ...[...this.lines.values()].flatMap(({ reasons }) => reasons)]),
    ];
  }

  async open(): Promise<void> {
    if (!this.isOpen) await this.context.letters.open();
    this.isOpen = true;
  }

  /**
   * Reads due messages that no line holds, and passes them to their lines. Resolves with their
   * number.
   */
  async read(): Promise<number> {
    await this.buryUnaddressed();
    if (this.isFull) return 0;
    const full = new Set(
      [...this.lines].filter(([, { isFull }]) => isFull).map(([transport]) => transport),
    );
    const ids = [
      ...[...this.lines.values()].flatMap(({ held }) => held),
      ...this.unaddressed.map(({ row }) => row.id),
    ];
    const contracts = [...full].flatMap((transport) => this.line(transport).contracts);
    const stored = await this.context.store.outbox.due(READ_AT_ONCE, { ids, contracts });
    if (stored.length > 0) this.context.process.passes?.('relay.read');
    this.handOn(stored, full);
    return stored.length;
  }

  async end(): Promise<void> {
    this.ended = true;
    for (const line of this.lines.values()) line.stop();
    await Promise.all([...this.lines.values()].map(({ idle }) => idle));
  }

  private handOn(stored: readonly StoredMessage[], full: ReadonlySet<Transport>): void {
    const taken = new Map<Transport, LineRow[]>();
    for (const one of stored) {
      const row = { ...one, lane: laneOfStored(one) };
      const contract = contractIfLoaded(one.contract);
      const transport = contract && this.context.publisher.transportOf(contract);
      if (transport && full.has(transport)) this.line(transport).turnAway(one.contract);
      else if (!transport || this.isBehindUnaddressed(row)) this.setAside(row, contract, transport);
      else
        taken.set(transport, [
          ...(taken.get(transport) ?? []),
          { ...row, message: outgoing(one, contract) },
        ]);
    }
    for (const [transport, rows] of taken) this.line(transport).take(rows);
  }

  private setAside(row: OutboxRow, contract?: Contract, transport?: Transport): void {
    const reason = contract ? new NoRouteError(contract) : new UnknownContractError(row.contract);
    const cause = transport ? undefined : reason;
    const isNews = cause && !this.reasons().some((known) => known.startsWith(`${row.contract}: `));
    this.unaddressed.push({ row, since: this.context.process.clock.elapsed(), cause });
    if (isNews)
      this.context.process.log(
        'warn',
        `${row.contract} waits in the outbox, and its lane with it: ${cause.message}`,
      );
  }

  private isBehindUnaddressed({ lane }: OutboxRow): boolean {
    return lane !== undefined && this.unaddressed.some(({ row }) => row.lane === lane);
  }

  /**
   * Keeps messages that no build could address for a while as dead letters. The rest of their lanes
   * is read again, and waits behind the letter.
   */
  private async buryUnaddressed(): Promise<void> {
    const now = this.context.process.clock.elapsed();
    const over = this.unaddressed.filter(
      ({ since, cause }) =>
        cause && (now - since >= UNKNOWN_GRACE_MS || this.unaddressed.length > LINE_CAPACITY),
    );
    for (const { row, cause } of over) await this.context.letters.bury(row, cause);
    if (over.length > 0)
      this.unaddressed = this.unaddressed.filter((one) => one.cause && !over.includes(one));
  }

  private line(transport: Transport): RelayLine {
    const known = this.lines.get(transport);
    if (known) return known;
    const { store, publisher, process, letters, lost, wake } = this.context;
    const line = new RelayLine({
      letters,
      publish: (messages) => publisher.each(transport, messages),
      remove: async (ids) => {
        await store.outbox.remove(ids);
        process.passes?.('relay.removed');
        process.observer?.relayed?.(ids.length);
      },
      progressed: wake,
      isOver: () => this.ended || lost.aborted,
      process,
    });
    this.lines.set(transport, line);
    return line;
  }
}

/** The owner is the first part of a contract's name. */
const laneOfStored = ({ contract, headers }: StoredMessage): string | undefined =>
  laneOf({ contract: { owner: contract.split('.')[0]! }, envelope: headers });

/** A stored message, as its technology takes it. */
export const outgoing = (
  { headers, body }: Pick<StoredMessage, 'headers' | 'body'>,
  contract: Contract,
): OutgoingMessage => ({
  contract,
  envelope: headers as unknown as Envelope,
  body,
});
