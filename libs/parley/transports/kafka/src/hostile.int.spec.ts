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
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const url = process.env.KAFKA_URL ?? '';
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
let attacker: Producer;
let known = 0;

/** Publishes as any program can that may write to the topic. */
async function produce(value: Buffer, attributes: Attributes): Promise<void> {
  const named = Object.entries(attributes).filter(([, one]) => one !== undefined);
  const headers = Object.fromEntries(named.map(([name, one]) => [`ce_${name}`, one as string]));
  await attacker.send({ topic: `${OWNER}.commands`, messages: [{ value, headers }] });
}

async function nextDead(): Promise<DeadLetter | undefined> {
  const { deadLetters } = victim.store.lanes;
  return (await deadLetters.count()) > known
    ? (await deadLetters.list({ newest: true, limit: 1 }))[0]
    : undefined;
}

const open = async () => {
  const options = { urls: { commands: url }, technologies: [kafka], store: new MemoryStore() };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
  attacker = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING }).producer({
    retry: { retries: 0 },
  });
  await attacker.connect();
};
const close = async () => {
  await attacker.disconnect();
  await victim.stop();
  await dropTopicsOf(url, [OWNER]);
};

if (url) {
  hostileSuite({
    name: 'messages in a topic of Kafka', type: Reserve.name, good: goodOrder, attributes: 'texts', keepsInMemory: true, open, close,
    largest: { bytes: 1_000_000, reason: 'larger than the max message size' },
    send: async (body, attributes) => {
      const before = handled.entries.length;
      const refused = await produce(body, attributes as Attributes).then(() => undefined, (error: Error) => error.message);
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
      await produce(Buffer.from(JSON.stringify(goodOrder.payload)), { id: randomUUID(), type: Reserve.name });
      await handled.reach(before + 1);
    },
  }); // prettier-ignore
} else it.skip('Kafka: not run, for KAFKA_URL is not set', () => undefined);
