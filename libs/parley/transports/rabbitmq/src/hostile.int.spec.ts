import { randomBytes, randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { MemoryStore } from '@parley/memory';
import { command, text } from '@parley/contract';
import { Handles, type DeadLetter } from '@parley/messaging';
import { eventually, hostileSuite, Instance, Journal, type Attributes, type Good } from '@parley/testing/conformance';
import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { z } from 'zod';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;

const Order = z.object({ id: z.uuid(), name: text(200), lines: z.array(z.object({ sku: z.string(), quantity: z.int().min(1).max(1_000_000) })).min(1).max(100) });
const Reserve = command(`${OWNER}.reserve-stock`, Order);
const good: Good = {
  payload: { id: randomUUID(), name: 'Ada', lines: [{ sku: 'TEA-0001', quantity: 1 }] },
  text: 'name', id: 'id', number: 'lines.0.quantity', list: 'lines',
}; // prettier-ignore

const handled = new Journal<string>();

@Controller()
class Victim {
  @Handles(Reserve)
  async reserve({ name }: z.infer<typeof Order>): Promise<void> {
    handled.note(name);
  }
}

let victim: Instance;
let connection: ChannelModel;
let attacker: ConfirmChannel;
let known = 0;

/** As any program with the broker's password can. */
async function publish(body: Buffer, attributes: Attributes): Promise<void> {
  const named = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const headers = Object.fromEntries(named.map(([name, value]) => [`cloudEvents:${name}`, value]));
  attacker.sendToQueue(OWNER, body, { headers });
  await attacker.waitForConfirms();
}

async function nextDead(): Promise<DeadLetter | undefined> {
  const { deadLetters } = victim.store.lanes;
  return (await deadLetters.count()) > known ? (await deadLetters.list({ newest: true, limit: 1 }))[0] : undefined;
}

const open = async () => {
  const options = { urls: { commands: url }, technologies: [rabbitmq], store: new MemoryStore() };
  victim = await Instance.start(OWNER, `${OWNER}-1`, { options, kill: () => 0, alive: () => true, close: async () => undefined }, [Victim]);
  connection = await connect(url);
  attacker = await connection.createConfirmChannel();
};
const close = async () => {
  await connection.close();
  await victim.stop();
  expect(await dropQueuesOf(url, [OWNER])).toEqual([]);
};

if (url) {
  hostileSuite({
    name: 'messages in a queue of RabbitMQ', type: Reserve.name, good, attributes: 'texts', keepsInMemory: true, open, close,
    send: async (body, attributes) => {
      const before = handled.entries.length;
      await publish(body, attributes as Attributes);
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
      await publish(Buffer.from(JSON.stringify(good.payload)), { id: randomUUID(), type: Reserve.name });
      await handled.reach(before + 1);
    },
  }); // prettier-ignore
} else it.skip('RabbitMQ: not run, for RABBITMQ_URL is not set', () => undefined);
