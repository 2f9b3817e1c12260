import { randomBytes, randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { command } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { Handles, type DeadLetter, type MessagingOptions } from '@parley/messaging';
import { Instance } from '../harness/instance';
import { eventually, Recorder } from '../harness/recorder';
import { GoodOrder, goodOrder } from './good-order';
import type { Attributes } from './hostile';
import { hostileSuite, type WayIn } from './hostile-suite';

/** Writes into the queue of a service without the kit, as any program with its password can. */
export interface Attacker {
  /** Resolves with the broker's reason when the broker refuses the message. */
  publish(body: Buffer, attributes: Attributes): Promise<string | undefined>;
  close(): Promise<void>;
}

/** A queue of commands that anyone can write to. */
export interface OpenQueue extends Pick<WayIn, 'largest'> {
  /** `messages in a queue of RabbitMQ` */
  readonly name: string;
  readonly technology: MessagingOptions['technologies'][number];
  /** URL of the commands. */
  readonly url: string;
  /** Connects to the queue of `service`, which exists. */
  attack(service: string): Promise<Attacker>;
}

/** Every hostile message of the list, written into the queue of a service that keeps dead letters. */
export function hostileQueueSuite({ name, technology, url, attack, largest }: OpenQueue): void {
  const service = `t${randomBytes(4).toString('hex')}`;
  const Reserve = command(`${service}.reserve-stock`, GoodOrder);
  const handled = new Recorder<string>();

  @Controller()
  class Victim {
    @Handles(Reserve)
    async reserve({ name }: GoodOrder): Promise<void> {
      handled.note(name);
    }
  }

  let victim: Instance;
  let attacker: Attacker;
  let known = 0;

  async function nextDead(): Promise<DeadLetter | undefined> {
    const { deadLetters } = victim.store.lanes;
    return (await deadLetters.count()) > known
      ? (await deadLetters.list({ newest: true, limit: 1 }))[0]
      : undefined;
  }

  hostileSuite({
    name,
    type: Reserve.name,
    good: goodOrder,
    largest,
    attributes: 'texts',
    keepsInMemory: true,
    open: async () => {
      const options = {
        urls: { commands: url },
        technologies: [technology],
        store: new MemoryStore(),
      };
      const place = { options, kill: () => 0, alive: () => true, close: async () => undefined };
      victim = await Instance.start(service, `${service}-1`, place, [Victim]);
      attacker = await attack(service);
    },
    // The victim first: an attacker also removes the queue.
    close: async () => {
      await victim.stop();
      await attacker.close();
    },
    send: async (body, attributes) => {
      const before = handled.entries.length;
      const refused = await attacker.publish(body, attributes as Attributes);
      if (refused !== undefined) return { refused };
      return eventually(async () => {
        if (handled.entries.length > before) return 'taken' as const;
        const letter = await nextDead();
        if (!letter) return undefined;
        known++;
        expect(Buffer.from(letter.body).equals(body)).toBe(true);
        return { refused: `${letter.failure.error}: ${letter.failure.message}` };
      }, 'what becomes of a hostile message');
    },
    neighbour: async () => {
      const before = handled.entries.length;
      const body = Buffer.from(JSON.stringify(goodOrder.payload));
      const attributes = { specversion: '1.0', id: randomUUID(), type: Reserve.name };
      expect(await attacker.publish(body, attributes)).toBeUndefined();
      await handled.reach(before + 1);
    },
  });
}

/** The attributes that a message has, under names with `prefix`. */
export const headersOf = (attributes: Attributes, prefix: string): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [`${prefix}${name}`, value]),
  );

/** The reason of a broker that refused to take the message: `SQS: MessageTooLong`. */
export const refusalOf = (broker: string, sending: Promise<unknown>): Promise<string | undefined> =>
  sending.then(
    () => undefined,
    ({ message }: Error) => `${broker}: ${message}`,
  );
