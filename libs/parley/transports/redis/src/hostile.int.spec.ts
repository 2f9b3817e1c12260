import { randomBytes, randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { broadcast } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { Handles } from '@parley/messaging';
import {
  type Attributes,
  eventually,
  GoodOrder,
  goodOrder,
  hostileSuite,
  Instance,
  Recorder,
} from '@parley/conformance';
import { Redis } from 'ioredis';
import { channelOf } from './publisher';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;

const PriceChanged = broadcast(`${OWNER}.price-changed`, GoodOrder);
const handled = new Recorder<string>();

@Controller()
class Victim {
  @Handles(PriceChanged)
  changed({ name }: GoodOrder): void {
    handled.note(name);
  }
}

let victim: Instance;
let attacker: Redis;

async function open(): Promise<void> {
  const options = { urls: { broadcasts: url }, technologies: [redis], store: new MemoryStore() };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
  attacker = new Redis(url);
}

async function close(): Promise<void> {
  attacker.disconnect();
  await victim.stop();
}

/** Sends as any program can that reaches Redis. A broadcast is not kept: its fate is in the log. */
async function say(document: string | Buffer) {
  const [before, complaints] = [handled.entries.length, victim.complaints.length];
  expect(await attacker.publish(channelOf(PriceChanged.name), document)).toBe(1);
  return eventually(() => {
    if (handled.entries.length > before) return 'taken' as const;
    const complaint = victim.complaints[complaints];
    return complaint !== undefined && { refused: complaint };
  }, 'what becomes of a hostile broadcast');
}

const send = (body: Buffer, attributes: Attributes) =>
  say(JSON.stringify({ ...attributes, data_base64: body.toString('base64') }));

const neighbour = async () =>
  expect(
    await say(
      JSON.stringify({
        specversion: '1.0',
        id: randomUUID(),
        type: PriceChanged.name,
        source: '/shop',
        data: goodOrder.payload,
      }),
    ),
  ).toBe('taken');

if (url) {
  hostileSuite({
    ...{
      name: 'broadcasts over Redis',
      type: PriceChanged.name,
      good: goodOrder,
      attributes: 'texts',
    },
    ...{ open, close, neighbour, send: (body, attributes) => send(body, attributes as Attributes) },
  });

  describe('documents that mean harm, over Redis', () => {
    const attributes = (data: string) =>
      `{"specversion":"1.0","id":"${randomUUID()}","type":"${PriceChanged.name}","source":"/mallory","data":${data}}`;
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

    beforeAll(open);
    afterAll(close);

    it.each([
      ['nothing', ''],
      ['random bytes', Buffer.from([0xff, 0, 0x7b, 0xc3])],
      ['null', 'null'],
      ['a list', '[]'],
      ['half a document', attributes('{}').slice(0, -2)],
      ['3,000 levels', attributes(nested(3_000))],
      ['200,000 levels', attributes(nested(200_000))],
      ['a number for the id', attributes('{}').replace(/"id":"[^"]*"/, '"id":7')],
      ['__proto__', attributes('{"__proto__":{"polluted":true}}')],
    ])('%s', async (_, document) => {
      expect(await say(document)).toEqual({ refused: expect.any(String) as string });
      await neighbour();
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });
  });
} else it.skip('Redis: not run, for REDIS_URL is not set', () => undefined);
