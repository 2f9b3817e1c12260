import { randomBytes, randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { MemoryStore } from '@parley/memory';
import { command } from '@parley/contract';
import { Handles, type DeadLetter } from '@parley/messaging';
import {
  eventually,
  hostileSuite,
  Instance,
  Recorder,
  type Attributes,
  GoodOrder,
  goodOrder,
} from '@parley/conformance';
import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;

const Reserve = command(`${OWNER}.reserve-stock`, GoodOrder);

const handled = new Recorder<string>();

@Controller()
class Victim {
  @Handles(Reserve)
  async reserve({ name }: GoodOrder): Promise<void> {
    handled.note(name);
  }
}

let victim: Instance;
let connection: ChannelModel;
let attacker: ConfirmChannel;
let known = 0;

/** Publishes as any program can that has the broker's password. */
async function publish(body: Buffer, attributes: Attributes): Promise<void> {
  const named = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const headers = Object.fromEntries(named.map(([name, value]) => [`cloudEvents:${name}`, value]));
  attacker.sendToQueue(OWNER, body, { headers });
  await attacker.waitForConfirms();
}

async function nextDead(): Promise<DeadLetter | undefined> {
  const { deadLetters } = victim.store.lanes;
  return (await deadLetters.count()) > known
    ? (await deadLetters.list({ newest: true, limit: 1 }))[0]
    : undefined;
}

const open = async () => {
  const options = { urls: { commands: url }, technologies: [rabbitmq], store: new MemoryStore() };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
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
    name: 'messages in a queue of RabbitMQ', type: Reserve.name, good: goodOrder, attributes: 'texts', keepsInMemory: true, open, close,
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
      await publish(Buffer.from(JSON.stringify(goodOrder.payload)), { id: randomUUID(), type: Reserve.name });
      await handled.reach(before + 1);
    },
  }); // prettier-ignore
} else it.skip('RabbitMQ: not run, for RABBITMQ_URL is not set', () => undefined);
