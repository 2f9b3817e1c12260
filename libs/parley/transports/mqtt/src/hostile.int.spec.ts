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
import { connectAsync, type IClientPublishOptions, type MqttClient } from 'mqtt';
import { z } from 'zod';
import { mqtt } from './mqtt';
import { filterOf, topicOf } from './topic';

const url = process.env.MQTT_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;

const PlaceChanged = broadcast(`${OWNER}.place-changed`, GoodOrder);
const PlaceAsked = broadcast(`${OWNER}.place-asked`, z.object({ where: z.string() }));
const PlaceTold = broadcast(`${OWNER}.place-told`, z.object({ where: z.string() }));
const TOPIC = topicOf(PlaceChanged.name);
const handled = new Recorder<string>();

@Controller()
class Victim {
  @Handles(PlaceChanged)
  changed({ name }: GoodOrder): void {
    handled.note(name);
  }

  /** Sends a broadcast from the handler, in the same conversation. */
  @Handles(PlaceAsked)
  async asked({ where }: z.infer<typeof PlaceAsked.payload>): Promise<void> {
    await victim.messenger.broadcast(PlaceTold, { where });
  }
}

let victim: Instance;
let attacker: MqttClient;
let old: MqttClient;

async function open(): Promise<void> {
  const options = {
    urls: { broadcasts: `${url}?by=where` },
    technologies: [mqtt],
    store: new MemoryStore(),
  };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
  attacker = await connectAsync(url, { protocolVersion: 5 });
  old = await connectAsync(url, { protocolVersion: 4 });
}

async function close(): Promise<void> {
  await Promise.all([attacker.endAsync(), old.endAsync()]);
  await victim.stop();
}

/**
 * Sends as any device can that the broker admits. A broadcast is not kept: its fate is in the log.
 */
async function say(
  payload: Buffer | string,
  {
    from = attacker,
    topic = TOPIC,
    ...options
  }: IClientPublishOptions & { from?: MqttClient; topic?: string } = {},
) {
  const [before, complaints] = [handled.entries.length, victim.complaints.length];
  await from.publishAsync(topic, payload, { qos: 1, ...options });
  return eventually(() => {
    if (handled.entries.length > before) return 'taken' as const;
    const complaint = victim.complaints[complaints];
    return complaint !== undefined && { refused: complaint };
  }, 'what becomes of a hostile broadcast');
}

/**
 * As user properties; brokers refuse control characters there, so those go as a document, as they
 * can.
 */
function send(body: Buffer, { datacontenttype, ...attributes }: Attributes) {
  const named = Object.entries(attributes).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  );
  if (named.some(([, value]) => /[\u0000-\u001f]/.test(value)))
    return say(JSON.stringify({ ...attributes, data_base64: body.toString('base64') }), {
      from: old,
    });
  return say(body, {
    properties: {
      userProperties: Object.fromEntries(named),
      ...(datacontenttype !== undefined && { contentType: String(datacontenttype) }),
    },
  });
}

const attributesOf = (): Record<string, string> => ({
  specversion: '1.0',
  id: randomUUID(),
  type: PlaceChanged.name,
  source: '/shop',
});
const inOrder = () => ({ properties: { userProperties: attributesOf() } });
const body = JSON.stringify(goodOrder.payload);
const neighbour = async () => expect(await say(body, inOrder())).toBe('taken');

if (url) {
  hostileSuite({
    ...{
      name: 'broadcasts over MQTT',
      type: PlaceChanged.name,
      good: goodOrder,
      attributes: 'texts',
    },
    ...{
      open,
      close,
      neighbour,
      send: (payload, attributes) => send(payload, attributes as Attributes),
    },
  });

  describe('what means harm, as MQTT carries it', () => {
    const document = (data: string) =>
      `{"specversion":"1.0","id":"${randomUUID()}","type":"${PlaceChanged.name}","source":"/mallory","data":${data}}`;
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    const refused = { refused: expect.any(String) as string };

    beforeAll(open);
    afterAll(close);
    afterEach(neighbour);

    it.each([
      ['nothing', ''],
      ['random bytes', Buffer.from([0xff, 0, 0x7b, 0xc3])],
      ['null', 'null'],
      ['a list', '[]'],
      ['half a document', document('{}').slice(0, -2)],
      ['3,000 levels', document(nested(3_000))],
      ['200,000 levels', document(nested(200_000))],
      ['a number for the id', document('{}').replace(/"id":"[^"]*"/, '"id":7')],
      ['__proto__', document('{"__proto__":{"polluted":true}}')],
    ])('is refused from a device of 3.1.1: %s', async (_, payload) => {
      expect(await say(payload, { from: old })).toEqual(refused);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });

    it.each<[string, IClientPublishOptions]>([
      [
        'a document that is none',
        {
          properties: {
            contentType: 'application/cloudevents+json',
            userProperties: attributesOf(),
          },
        },
      ],
      [
        'a batch of documents',
        { properties: { contentType: 'application/cloudevents-batch+json' } },
      ],
    ])('is refused as %s', async (_, options) => {
      expect(await say(body, options)).toEqual(refused);
    });

    it.each([0, 1, 2] as const)(
      'is refused once, with QoS %d and marked as a duplicate where that has a meaning',
      async (qos) => {
        const before = victim.complaints.length;
        expect(await say('{', { from: old, qos, dup: qos > 0 })).toEqual(refused);
        await neighbour();
        expect(victim.complaints).toHaveLength(before + 1);
      },
    );

    it('is refused in a few words, however long its topic is', async () => {
      const fate = await say('{', { from: old, topic: `${TOPIC}/${'x'.repeat(60_000)}` });
      expect(fate).toEqual({
        refused: expect.stringMatching(/^.{0,300}unreadable.{0,100}$/) as string,
      });
    });

    it.each([
      `${TOPIC}x`,
      `${TOPIC}x/y`,
      `/${TOPIC}`,
      TOPIC.toUpperCase(),
      'parley',
      topicOf('nobody.knows-this'),
    ])('is not heard on a topic that only looks like the contract’s: %s', async (topic) => {
      const [before, complaints] = [handled.entries.length, victim.complaints.length];
      await attacker.publishAsync(topic, body, { qos: 1, ...inOrder() });
      await neighbour();
      expect([handled.entries.length, victim.complaints.length]).toEqual([before + 1, complaints]);
    });

    it.each<[string, () => Record<string, string | string[]>]>([
      [
        '10,000 names',
        () => ({
          ...attributesOf(),
          ...Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`x${n}`, 'v'])),
        }),
      ],
      ['one name 10,000 times', () => ({ ...attributesOf(), x: Array<string>(10_000).fill('v') })],
      ['a value of 60 KB', () => ({ ...attributesOf(), x: 'v'.repeat(60_000) })],
      [
        'names that every object has',
        () =>
          JSON.parse(
            `{"__proto__":"x","constructor":"y","toString":"z","":"w",${JSON.stringify(attributesOf()).slice(1)}`,
          ) as Record<string, string>,
      ],
    ])('is taken for what it is with user properties of %s', async (_, userProperties) => {
      expect(await say(body, { properties: { userProperties: userProperties() } })).toBe('taken');
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });

    it.each([
      [
        'a correlation of characters that are none',
        { correlationid: 'a\uffff\ufdd0\u{1fffe}b' },
        'x',
      ],
      ['a level that no topic has room for', {}, 'x'.repeat(70_000)],
      ['a level with half a character', {}, 'a\ud800b'],
    ])('does no harm to what is said next, by %s', async (_, attributes, where) => {
      const reported: string[] = [];
      const note = (topic: string) => reported.push(topic);
      const ask = (more: object, place: string) =>
        old.publishAsync(
          topicOf(PlaceAsked.name),
          JSON.stringify({
            ...attributesOf(),
            type: PlaceAsked.name,
            ...more,
            data: { where: place },
          }),
          { qos: 1 },
        );
      attacker.on('message', note);
      await attacker.subscribeAsync(filterOf(PlaceTold.name), { qos: 1 });
      try {
        await ask(attributes, where);
        await eventually(() => reported.length === 1, 'what is said on a hostile broadcast', 5_000);
        await ask({}, 'next');
        await eventually(() => reported.length === 2, 'what is said next', 5_000);
        expect(reported[1]).toBe(`${topicOf(PlaceTold.name)}/next`);
      } finally {
        await attacker.unsubscribeAsync(filterOf(PlaceTold.name));
        attacker.off('message', note);
      }
    });

    it.each<[string, Record<string, string | string[]>]>([
      ['of nothing known', { hello: 'world' }],
      ['with two ids, the last of them none', { ...attributesOf(), id: [randomUUID(), 'none'] }],
      ['with two ids', { ...attributesOf(), id: [randomUUID(), randomUUID()] }],
      [
        'with two types, the last of them unknown',
        { ...attributesOf(), type: [PlaceChanged.name, 'nobody.knows-this'] },
      ],
    ])('is refused with user properties %s', async (_, userProperties) => {
      expect(await say(body, { properties: { userProperties } })).toEqual(refused);
    });

    it('is handled once by whom it reaches by a topic below the contract’s', async () => {
      const before = handled.entries.length;
      expect(
        await say(body, { ...inOrder(), topic: `${TOPIC}/__proto__/%00/${'x'.repeat(1_000)}` }),
      ).toBe('taken');
      await neighbour();
      expect(handled.entries).toHaveLength(before + 2);
    });

    it('is not answered, whatever topic it names for that', async () => {
      const answers: string[] = [];
      attacker.on('message', (topic) => answers.push(topic));
      await attacker.subscribeAsync('mallory/#');
      expect(
        await say(body, {
          properties: {
            ...inOrder().properties,
            responseTopic: 'mallory/answers',
            correlationData: Buffer.from('7'),
          },
        }),
      ).toBe('taken');
      await neighbour();
      await attacker.publishAsync('mallory/end', '', { qos: 1 });
      await eventually(() => answers.includes('mallory/end'), 'the end of the answers');
      expect(answers).toEqual(['mallory/end']);
    });

    it('is not brought to those who come after it was said, though it was retained', async () => {
      expect(await say('{', { from: old, retain: true })).toEqual(refused);
      const late = await Instance.start(
        OWNER,
        `${OWNER}-2`,
        { ...victim.place, close: async () => undefined },
        [Victim],
      );
      try {
        const before = handled.entries.length;
        await attacker.publishAsync(TOPIC, body, { qos: 1, ...inOrder() });
        await handled.reach(before + 2);
        expect(late.complaints).toEqual([]);
      } finally {
        await late.stop();
        expect(await say('', { from: old, retain: true })).toEqual(refused);
      }
    });
  });
} else it.skip('MQTT: not run, for MQTT_URL is not set', () => undefined);
