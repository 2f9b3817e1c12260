import { randomUUID } from 'node:crypto';
import { command, event, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import type { OutgoingMessage } from '../message/message';
import { PayloadProcessor } from '../payload/payload-processor';
import type { DeliveryObserver } from '../ports/observer';
import type { Transport } from '../ports/transport';
import { sendInOrder } from '../transport/publish-in-order';
import { OutboxRelay } from './outbox-relay';
import { Publisher } from './publisher';

const Key = z.object({ key: z.string(), note: z.string().optional() });
export const Paid = event('till.bill-paid', Key, { key: 'key' });
export const Print = command('till.print-bill', Key, { key: 'key' });

/** Ids differ in their first characters. */
export const idOf = (name: string) => `${name}${randomUUID().slice(name.length)}`;
export const sent = (id: string, key?: string, contract: Contract = Paid): OutgoingMessage =>
  ({
    contract,
    body: Buffer.from(JSON.stringify({ key })),
    envelope: { specversion: '1.0', id, type: contract.name, source: '/till', partitionkey: key },
  }) as unknown as OutgoingMessage;

/** A technology that refuses some messages and records all of them. */
export class Counter {
  readonly published: string[] = [];
  refusing?: (id: string) => Error | undefined;
  /** Called when messages are published, before they are accepted. */
  arrived?: (messages: readonly OutgoingMessage[]) => Promise<void>;

  readonly transport = {
    technology: 'counter',
    delays: true,
    publish: (messages: readonly OutgoingMessage[]) => this.publish(messages),
  } as unknown as Transport;

  private async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.arrived?.(messages);
    await sendInOrder(messages, async ({ envelope: { id } }) => {
      const refusal = this.refusing?.(id);
      if (refusal) throw refusal;
      this.published.push(id);
    });
  }
}

const PATIENCE_MS = 20_000;
const OFTEN_MS = 50;

/**
 * A service with messages in its outbox, a technology that takes them, and relays between both. Its
 * time passes only when a test lets it.
 */
export class Till {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore(this.clock);
  readonly counter = new Counter();
  readonly carried = new Map<Contract, Transport>([
    [Paid, this.counter.transport],
    [Print, this.counter.transport],
  ]);
  readonly complaints: string[] = [];
  /** Number of messages that its relays counted. */
  relayed = 0;
  observer?: DeliveryObserver = { relayed: (messages) => void (this.relayed += messages) };

  relay(instance = 'till-1', routes: ReadonlyMap<Contract, Transport> = this.carried): OutboxRelay {
    const publisher = new Publisher(
      { of: (contract) => routes.get(contract), all: () => [...new Set(routes.values())] },
      this.store,
      new PayloadProcessor(undefined, undefined),
    );
    const relay = new OutboxRelay(this.store, publisher, {
      service: 'till',
      instance,
      clock: this.clock,
      log: (level, message) => void (level === 'debug' || this.complaints.push(message)),
      observer: this.observer,
    });
    relay.start();
    return relay;
  }

  add(...messages: readonly OutgoingMessage[]): Promise<void> {
    return this.store.transaction((tx) => this.store.outbox.add(tx, messages));
  }

  letters() {
    return this.store.lanes.deadLetters.list();
  }

  /** Lets time pass until the check finds something. */
  async eventually<T>(
    look: () => Promise<T | undefined | false> | T | undefined | false,
    what: string,
  ): Promise<T> {
    for (let waited = 0; waited < PATIENCE_MS; waited += OFTEN_MS) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await this.clock.advance(OFTEN_MS);
    }
    throw new Error(`waited ${PATIENCE_MS} ms for ${what}`);
  }

  emptied(): Promise<unknown> {
    return this.eventually(
      async () => (await this.store.outbox.state()).waiting === 0,
      'the outbox to be empty',
    );
  }

  /** Each lead from now on: aborted, it is lost. */
  leads(): readonly AbortController[] {
    const leads: AbortController[] = [];
    const lead = this.store.outbox.lead.bind(this.store.outbox);
    this.store.outbox.lead = async () => {
      const led = await lead();
      return led && { ...led, lost: leads[leads.push(new AbortController()) - 1]!.signal };
    };
    return leads;
  }

  /** Resolves when the relay has stopped, with or without success. */
  async stopped(relay: OutboxRelay): Promise<void> {
    const stopped = relay.stop(2_000);
    await this.clock.advance('2s');
    await stopped;
  }
}
