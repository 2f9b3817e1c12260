import { randomUUID } from 'node:crypto';
import { command, event, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { eventually } from '@parley/conformance';
import { z } from 'zod';
import { systemClock, type Clock } from '../clock';
import type { OutgoingMessage } from '../message/message';
import { PayloadProcessor } from '../payload/payload-processor';
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

/** A service with messages in its outbox, a technology that takes them, and relays between both. */
export class Till {
  readonly store: MemoryStore;
  readonly counter = new Counter();
  readonly carried = new Map<Contract, Transport>([
    [Paid, this.counter.transport],
    [Print, this.counter.transport],
  ]);
  readonly complaints: string[] = [];
  /** How many messages its relays counted. */
  relayed = 0;
  private readonly relays: OutboxRelay[] = [];

  constructor(private readonly clock: Clock = systemClock) {
    this.store = new MemoryStore(clock);
  }

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
      observer: { relayed: (messages) => void (this.relayed += messages) },
    });
    this.relays.push(relay);
    relay.start();
    return relay;
  }

  add(...messages: readonly OutgoingMessage[]): Promise<void> {
    return this.store.transaction((tx) => this.store.outbox.add(tx, messages));
  }

  emptied(): Promise<unknown> {
    return eventually(
      async () => (await this.store.outbox.state()).waiting === 0,
      'the outbox to be empty',
    );
  }

  letters() {
    return this.store.lanes.deadLetters.list();
  }

  /** Stops the relays, unless their clock stands still. */
  async close(): Promise<void> {
    if (this.clock !== systemClock) return;
    await Promise.all(this.relays.map((relay) => relay.stop(1_000)));
  }
}
