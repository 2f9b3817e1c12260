import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Controller } from '@nestjs/common';
import { command } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { type DeadLetter, Handles } from '@parley/messaging';
import {
  type Attributes,
  eventually,
  GoodOrder,
  goodOrder,
  hostileSuite,
  Instance,
  Recorder,
} from '@parley/conformance';
import rhea, { type EventContext, type Sender } from 'rhea';
import { activemq } from './activemq';
import { Address } from './address';
import { AmqpConnection } from './amqp-connection';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;

const Ship = command(`${OWNER}.ship-order`, GoodOrder);
const handled = new Recorder<string>();

@Controller()
class Victim {
  @Handles(Ship)
  async ship({ name }: GoodOrder): Promise<void> {
    handled.note(name);
  }
}

let victim: Instance;
let line: AmqpConnection;
let attacker: Sender;
let known = 0;

/** As any program with the broker's password can. */
async function say(body: Buffer, attributes: Attributes): Promise<void> {
  const named = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const application_properties = Object.fromEntries(
    named.map(([name, value]) => [`cloudEvents:${name}`, value]),
  );
  const accepted = once(attacker, 'accepted') as Promise<[EventContext]>;
  attacker.send({ durable: true, application_properties, body: rhea.message.data_section(body) });
  await accepted;
}

async function nextDead(): Promise<DeadLetter | undefined> {
  const { deadLetters } = victim.store.lanes;
  return (await deadLetters.count()) > known
    ? (await deadLetters.list({ newest: true, limit: 1 }))[0]
    : undefined;
}

async function open(): Promise<void> {
  const options = { urls: { commands: url }, technologies: [activemq], store: new MemoryStore() };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
  line = new AmqpConnection(new Address(url), 'attacker');
  await line.start();
  attacker = line.current!.open_sender({
    target: { address: OWNER, capabilities: ['queue'] } as never,
  });
  await once(attacker, 'sendable');
}

async function close(): Promise<void> {
  await line.close();
  await victim.stop();
  await removeTraces(url, [OWNER]);
}

async function send(body: Buffer, attributes: Attributes) {
  const before = handled.entries.length;
  await say(body, attributes);
  return eventually(async () => {
    if (handled.entries.length > before) return 'taken' as const;
    const letter = await nextDead();
    if (!letter) return undefined;
    known++;
    expect(Buffer.from(letter.body).equals(body)).toBe(true);
    return { refused: `${letter.failure.error}: ${letter.failure.message}` };
  }, 'what becomes of a hostile message');
}

async function neighbour(): Promise<void> {
  const before = handled.entries.length;
  await say(Buffer.from(JSON.stringify(goodOrder.payload)), { id: randomUUID(), type: Ship.name });
  await handled.reach(before + 1);
}

if (url) {
  hostileSuite({
    ...{
      name: 'messages in a queue of ActiveMQ',
      type: Ship.name,
      good: goodOrder,
      attributes: 'texts',
      keepsInMemory: true,
    },
    ...{ open, close, neighbour, send: (body, attributes) => send(body, attributes as Attributes) },
  });
} else it.skip('ActiveMQ: not run, for ACTIVEMQ_URL is not set', () => undefined);
