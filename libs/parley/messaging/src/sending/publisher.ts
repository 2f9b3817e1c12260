import type { Contract } from '@parley/contract';
import type { PayloadProcessor } from '../payload/payload-processor';
import { describeError } from '../message/failure';
import type { OutgoingMessage } from '../message/message';
import { noteEffect, outageReadersOf } from '../ports/outage';
import {
  type Failures,
  PartlyPublishedError,
  publishError,
  UnpublishableError,
} from '../ports/publish-errors';
import type { Routes } from './routes';
import type { Store } from '../ports/store';
import type { DeliveryObserver } from '../ports/observer';
import type { Tracing } from '../ports/tracing';
import type { Tx } from '../ports/tx';
import type { Transport } from '../ports/transport';

/** No technology carries the contract. */
export class NoRouteError extends UnpublishableError {
  override readonly name = 'NoRouteError';
  constructor(contract: Contract) {
    super(
      `${contract.name}: nothing carries ${contract.kind}s; set ${contract.kind.toUpperCase()}S_URL`,
    );
  }
}

/** Takes messages to the technology that carries them: by the open transaction, or at once. */
export class Publisher {
  /**
   * Transports that store messages in the service's own database: there is nothing to relay.
   * Decided at start.
   */
  private local = new Set<Transport>();

  constructor(
    private readonly routes: Pick<Routes, 'of' | 'all'>,
    private readonly store: Store | undefined,
    private readonly bodies: PayloadProcessor,
    private readonly tracing?: Tracing,
    private readonly observer?: DeliveryObserver,
  ) {}

  async connect(): Promise<void> {
    const { store } = this;
    if (!store) return;
    for (const transport of this.routes.all()) {
      if (await transport.local?.sharesDatabaseWith(store)) this.local.add(transport);
    }
  }

  /** True when a transaction of the service stores the messages itself. */
  joins(transport: Transport): boolean {
    return this.local.has(transport);
  }

  /** The transports that carry a contract of this service. */
  transports(): readonly Transport[] {
    return this.routes.all();
  }

  /** The transport of a contract; undefined when there is none. */
  transportOf(contract: Contract): Transport | undefined {
    return this.routes.of(contract);
  }

  /** @throws NoRouteError */
  route(contract: Contract): Transport {
    const transport = this.routes.of(contract);
    if (!transport) throw new NoRouteError(contract);
    return transport;
  }

  /**
   * Refuses a message that could not be sent, before its transaction goes on.
   * @throws NoRouteError, BodyTooLargeError, NoSubjectKeysError
   */
  assertSendable(message: OutgoingMessage): void {
    this.bodies.assertSendable(message, this.route(message.contract));
  }

  /**
   * Stores messages with the transaction: in the technology itself where that is the same database,
   * else in the outbox.
   */
  async join(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
    const packed = await this.bodies.encodeBody(messages, (contract) => this.route(contract), tx);
    const relayed: OutgoingMessage[] = [];
    const stored: Promise<void>[] = []; // sent one after the other, waited for together
    for (const [transport, group] of this.byTransport(packed)) {
      const isStoredThere = this.local.has(transport)
        ? ({ contract }: OutgoingMessage) => contract.kind !== 'broadcast'
        : () => false;
      const direct = group.filter(isStoredThere);
      if (direct.length > 0) stored.push(transport.local!.append(tx, direct));
      relayed.push(...group.filter((message) => !isStoredThere(message)));
    }
    if (relayed.length > 0) stored.push(this.storeOrThrow().outbox.add(tx, relayed));
    await Promise.all(stored);
  }

  /** After the commit: notifies the technology of new messages. */
  wake(messages: readonly OutgoingMessage[]): void {
    if (this.local.size === 0) return; // the outbox wakes its relay
    for (const [transport, group] of this.byTransport(messages)) {
      if (this.local.has(transport))
        transport.local!.wake(group.filter(({ contract }) => contract.kind !== 'broadcast'));
    }
  }

  /**
   * Publishes a message without a transaction; resolves with the technology's confirm.
   * @throws NotStoredError, UnconfirmedError, UnpublishableError
   */
  async send(message: OutgoingMessage): Promise<void> {
    const transport = this.route(message.contract);
    try {
      await this.now(await this.bodies.encodeBody([message], () => transport));
    } catch (error) {
      throw publishError(error, outageReadersOf([transport, this.store]));
    }
    noteEffect();
  }

  /**
   * Publishes packed messages now; resolves with the technology's confirm. Delayed messages that
   * the technology cannot hold back, or not in order, wait in the outbox.
   */
  async now(messages: readonly OutgoingMessage[]): Promise<void> {
    for (const [transport, group] of this.byTransport(messages)) {
      const mustWait = (message: OutgoingMessage) => this.isHeldHere(message, transport);
      const waiting = group.filter(mustWait);
      if (waiting.length > 0)
        await this.storeOrThrow().transaction((tx) => this.storeOrThrow().outbox.add(tx, waiting));
      const ready = group.filter((message) => !mustWait(message));
      if (ready.length > 0) await this.publish(transport, ready);
    }
  }

  /**
   * Publishes messages of one technology; resolves with the failed ones, each with its reason. The
   * others are confirmed.
   */
  async each(transport: Transport, messages: readonly OutgoingMessage[]): Promise<Failures> {
    try {
      await this.publish(transport, messages);
      return new Map();
    } catch (error) {
      return error instanceof PartlyPublishedError
        ? error.failures
        : new Map(messages.map((message) => [message, error]));
    }
  }

  private isHeldHere({ delay = 0, envelope }: OutgoingMessage, { delays }: Transport): boolean {
    if (delay <= 0 || delays === true) return false;
    return !delays || (envelope.partitionkey !== undefined && this.store !== undefined);
  }

  private async publish(transport: Transport, messages: readonly OutgoingMessage[]): Promise<void> {
    if (!this.tracing && !this.observer?.sent) return transport.publish(messages);
    const started = performance.now();
    const observe = (error?: string) =>
      this.observer?.sent?.({
        technology: transport.technology,
        messages,
        milliseconds: performance.now() - started,
        error,
      });
    try {
      await (this.tracing
        ? this.traced(this.tracing, transport, messages)
        : transport.publish(messages));
    } catch (error) {
      observe(describeError(error).error);
      throw error;
    }
    observe();
  }

  private async traced(
    tracing: Tracing,
    transport: Transport,
    messages: readonly OutgoingMessage[],
  ): Promise<void> {
    const span = tracing.send(transport.technology, messages);
    try {
      await span.run(() => transport.publish(messages));
      span.end();
    } catch (error) {
      span.end({ error: describeError(error).error });
      throw error;
    }
  }

  private byTransport(
    messages: readonly OutgoingMessage[],
  ): ReadonlyMap<Transport, OutgoingMessage[]> {
    const groups = new Map<Transport, OutgoingMessage[]>();
    for (const message of messages) {
      const transport = this.route(message.contract);
      const group = groups.get(transport);
      if (group) group.push(message);
      else groups.set(transport, [message]);
    }
    return groups;
  }

  private storeOrThrow(): Store {
    if (!this.store)
      throw new Error('this service has no store to keep messages in; give MessagingModule one');
    return this.store;
  }
}
