import { Logger } from '@nestjs/common';
import { broadcast } from '@parley/contract';
import { eventually, ownTime, Recorder } from '@parley/conformance';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { z } from 'zod';
import { DONE, message, Scene } from './kafka.fixture';
import { KafkaJsClient } from './kafkajs';

class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

const url = process.env.KAFKA_URL ?? '';
if (!url) process.stdout.write('Kafka: not run, for KAFKA_URL is not set\n');
/** The messages of each request from now on. */
function requestsToKafka(): readonly number[] {
  const requests: number[] = [];
  const { producer } = KafkaJsClient.prototype;
  jest.spyOn(KafkaJsClient.prototype, 'producer').mockImplementation(async function (
    this: KafkaJsClient,
  ) {
    const made = await producer.call(this);
    return {
      produce: (messages) => (requests.push(messages.length), made.produce(messages)),
      close: () => made.close(),
    };
  });
  return requests;
}

/** The same one, where it asks for a user and a password. */
const guarded = process.env.KAFKA_SASL_URL ?? '';
if (url && !guarded)
  process.stdout.write('Kafka: users and passwords are not tried, for KAFKA_SASL_URL is not set\n');

Logger.overrideLogger(false);
jest.setTimeout(60_000);

(url ? describe : describe.skip)('Kafka', () => {
  let scene: Scene;
  beforeEach(() => (scene = new Scene(url)));
  afterEach(async () => {
    jest.restoreAllMocks();
    await scene.close();
  });

  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

  describe('a partition', () => {
    it('has lanes side by side: a slow key holds up no other, and nothing above it counts as done before it is', async () => {
      const slow = new Gate();
      const seen = new Recorder<number>();
      await scene.receive(async (_, { key, n }) => {
        if (key === 'slow') await slow.opened;
        seen.note(n);
      });
      await scene.send(
        message(scene.sent, 0, 'slow'),
        ...numbers(30).map((n) => message(scene.sent, n, `k${n}`)),
      );
      await seen.reach(30);
      const group = `${scene.owner}.spec`;
      // All of the others, except those that are behind the slow one in its partition.
      const before = await eventually(
        async () => (await scene.position(group)) || undefined,
        'the others to be committed',
      );
      expect(before).toBeLessThan(31);
      slow.open();
      await eventually(
        async () => (await scene.position(group)) === 31,
        'everything to be committed',
      );
    });

    it('is read no further than there is room for, and read on afterwards', async () => {
      const gate = new Gate();
      const seen = new Recorder<number>();
      let [running, most] = [0, 0];
      await scene.receive(
        async (_, { n }) => {
          most = Math.max(most, ++running);
          await gate.opened;
          running--;
          seen.note(n);
        },
        { concurrency: 5 },
      );
      const body = Buffer.alloc(2_000, 'x').toString();
      const said = numbers(4_000).map((n) => ({
        ...message(scene.sent, n, `k${n}`),
        body: Buffer.from(JSON.stringify({ key: `k${n}`, n, body })),
      }));
      await scene.send(...said);
      await eventually(() => running === 5, 'all slots to be taken');
      gate.open();
      await seen.reach(4_000, undefined, 40_000);
      expect([new Set(seen.entries).size, most]).toEqual([4_000, 5]);
    });
  });

  describe('publishing', () => {
    it('takes what many say at the same time in few requests', async () => {
      const requests = requestsToKafka();
      const transport = await scene.transport();
      await transport.publish([message(scene.sent, 0)]);
      await Promise.all(
        numbers(5_000).map((n) => transport.publish([message(scene.sent, n, `k${n % 50}`)])),
      );
      expect(requests.reduce((sum, messages) => sum + messages, 0)).toBe(5_001);
      expect(requests.length).toBeLessThan(50);
      const seen = new Recorder<[string, number]>();
      await scene.receive((_, { key, n }) => seen.note([key, n]));
      await seen.reach(5_001);
      for (const key of new Set(seen.entries.map(([one]) => one))) {
        const order = seen.entries.filter(([one]) => one === key).map(([, n]) => n);
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
    });

    it('refuses what is too large by name, and takes the rest', async () => {
      const transport = await scene.transport();
      const large = { ...message(scene.sent, 1), body: Buffer.alloc(1_048_588) };
      await expect(transport.publish([large])).rejects.toMatchObject({
        name: 'BodyTooLargeError',
        limit: transport.maxBodyBytes,
      });
      const largest = {
        ...message(scene.sent, 2),
        body: Buffer.from(
          JSON.stringify({ key: 'k', n: 2, text: 'x'.repeat(transport.maxBodyBytes! - 40) }),
        ),
      };
      await transport.publish([largest, message(scene.sent, 3)]);
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => seen.note(n));
      expect(await seen.reach(2)).toEqual([2, 3]);
    });

    it('makes a topic anew that somebody deleted', async () => {
      const transport = await scene.transport();
      await transport.publish([message(scene.sent, 1)]);
      await scene.admin((admin) => admin.deleteTopics({ topics: [scene.topic] }));
      await eventually(
        () =>
          transport.publish([message(scene.sent, 2)]).then(
            () => true,
            () => false,
          ),
        'the topic to be made',
        30_000,
      );
    });
  });

  describe('a group', () => {
    it('keeps to where it first began, although it committed nothing of what it read', async () => {
      await scene.send(message(scene.sent, 1));
      const first = await scene.receive(() => undefined, { options: { from: 'now' } });
      await first.close();
      await scene.send(message(scene.sent, 2));
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => seen.note(n), { options: { from: 'now' } });
      await seen.reach(1);
      expect(seen.entries).toEqual([2]);
    });

    it('goes on with the earliest that is left when its position was deleted, and says so', async () => {
      const hearing = { options: { from: 'now' } } as const;
      const first = await scene.receive(() => undefined, hearing);
      await first.close();
      await scene.send(...numbers(3).map((n) => message(scene.sent, n)));
      await scene.admin(async (admin) => {
        const ends = await admin.fetchTopicOffsets(scene.topic);
        const partitions = ends.map(({ partition, high }) => ({
          partition,
          offset: high === '3' ? '2' : high,
        }));
        await admin.deleteTopicRecords({ topic: scene.topic, partitions });
      });
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => seen.note(n), hearing);
      expect(await seen.reach(1)).toEqual([3]);
      expect(scene.complaints.join()).toContain('were deleted before they were handled');
    });

    it('passes over what nobody there handles, and counts it as done', async () => {
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => seen.note(n));
      await scene.send(message(scene.other, 1), message(scene.sent, 2), message(scene.other, 3));
      await seen.reach(1);
      await eventually(
        async () => (await scene.position(`${scene.owner}.spec`)) === 3,
        'the position',
      );
      expect(seen.entries).toEqual([2]);
    });

    it('tells how far it lags', async () => {
      const gate = new Gate();
      const intake = await scene.receive(() => gate.opened as Promise<void>);
      await scene.send(...numbers(7).map((n) => message(scene.sent, n)));
      expect(await intake.backlog!()).toMatchObject([
        { subscription: `${scene.owner}.spec`, waiting: 7 },
      ]);
      gate.open();
      await eventually(
        async () => (await intake.backlog!())[0]!.waiting === 0,
        'the lag to be gone',
      );
    });

    it('delivers again what was given back, before what follows it', async () => {
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => {
        seen.note(n);
        return n === 1 && seen.entries.length === 1 ? { kind: 'return' } : DONE;
      });
      await scene.send(message(scene.sent, 1), message(scene.sent, 2));
      expect(await seen.reach(3)).toEqual([1, 1, 2]);
    });

    it('is left although a handler does not notice that it is to give up, and its message is another’s', async () => {
      const [begun, never] = [new Gate(), new Gate()];
      const intake = await scene.receive(() => (begun.open(), never.opened));
      await scene.send(message(scene.sent, 1));
      await begun.opened;
      await intake.close();
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => seen.note(n));
      expect(await seen.reach(1)).toEqual([1]);
      never.open();
    });

    it('is made anew when its consumer crashed, and says meanwhile why it does not read', async () => {
      const seen = new Recorder<number>();
      const intake = await scene.receive((_, { n }) => seen.note(n));
      await scene.admin((admin) => admin.deleteTopics({ topics: [scene.topic] }));
      await eventually(
        () => intake.health().state === 'disconnected',
        'the crash to be told',
        40_000,
      );
      expect(intake.health().reason).toContain(`${scene.owner}.spec`);
      await eventually(
        () => intake.health().state === 'consuming',
        'the consumer to be back',
        40_000,
      );
      await eventually(
        () =>
          scene.send(message(scene.sent, 5)).then(
            () => true,
            () => false,
          ),
        'the topic to be back',
      );
      await seen.reach(1, (n) => n === 5);
    });
  });

  describe('three instances that join and leave under load', () => {
    it('lose nothing, keep the order of each key, and repeat at most what was under way', async () => {
      const [concurrency, keys, changes] = [5, 20, 6];
      const handled: { key: string; n: number }[] = [];
      let abandoned = 0;
      const handle = async (
        { signal }: { signal: AbortSignal },
        { key, n }: { key: string; n: number },
      ) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (signal.aborted) return (abandoned++, { kind: 'return' } as const);
        handled.push({ key, n });
        return DONE;
      };
      const start = () => scene.receive(handle, { concurrency });
      const instances = [await start(), await start()];
      const sender = await scene.transport();
      let [said, stopped] = [0, false];
      const isBehind = () => said - handled.length > 10 * keys;
      const talking = Promise.all(
        Array.from({ length: keys }, async (_, key) => {
          for (let n = 1; !stopped; n++) {
            await sender.publish([message(scene.sent, n, `k${key}`)]);
            said++;
            do await new Promise((resolve) => setTimeout(resolve, 10));
            while (isBehind() && !stopped); // on a slow machine, too, there is work under way, but no heap of it
          }
        }),
      );
      /** The group has come to terms, and works. */
      const working = async () => {
        const before = handled.length;
        await eventually(
          () => handled.length > before + 5 * keys,
          'the group to go on after a change',
          60_000,
        );
      };
      for (let change = 0; change < changes; change++) {
        instances.push(await start());
        await working();
        await instances.shift()!.close();
        await working();
      }
      stopped = true;
      await talking;
      const first = () => new Set(handled.map(({ key, n }) => `${key}/${n}`));
      await eventually(() => first().size === said, 'everything to be handled', 60_000);
      const repeated = handled.length - said;
      process.stdout.write(
        `Kafka: ${said} messages, ${2 * changes} changes of the group, ${repeated} repeated, ${abandoned} given up\n`,
      );
      expect(repeated).toBeLessThanOrEqual(concurrency * 2 * changes);
      for (let key = 0; key < keys; key++) {
        const order = [
          ...new Set(handled.filter((one) => one.key === `k${key}`).map(({ n }) => n)),
        ];
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
    }, 240_000);
  });

  describe('others', () => {
    it('may read our messages: CloudEvents in binary mode, keyed by the partition key', async () => {
      const sent = message(scene.sent, 1, 'Zürich');
      await scene.send(sent);
      const consumer = scene.direct().consumer({ groupId: `${scene.owner}-foreign` });
      await consumer.subscribe({ topic: scene.topic, fromBeginning: true });
      const read = new Recorder<{ key: string; headers: Record<string, string>; value: string }>();
      await consumer.run({
        eachMessage: async ({ message: { key, value, headers = {} } }) =>
          read.note({
            key: String(key),
            value: String(value),
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, one]) => [name, String(one)]),
            ),
          }),
      });
      const [one] = await read.reach(1);
      await consumer.disconnect();
      expect(one).toMatchObject({
        key: 'Zürich',
        value: sent.body.toString(),
        headers: {
          ce_specversion: '1.0',
          ce_id: sent.envelope.id,
          ce_type: scene.sent.name,
          'content-type': 'application/json',
        },
      });
    });

    it('may write messages: binary, structured, and what nobody can read is handed on as it came', async () => {
      const seen = new Recorder<{ headers: object; body: string }>();
      await scene.receive(({ headers, body }) => seen.note({ headers, body: body.toString() }));
      const producer = scene.direct().producer();
      await producer.connect();
      const structured = JSON.stringify({
        specversion: '1.0',
        id: 'b',
        type: scene.sent.name,
        source: '/cobol',
        data: { n: 2 },
      });
      const messages = [
        { key: 'k', value: '{"n":1}', headers: { ce_id: 'a', ce_type: scene.sent.name } },
        {
          key: 'k',
          value: structured,
          headers: { 'content-type': 'application/cloudevents+json' },
        },
        { key: 'k', value: 'hello' },
        { key: 'k', value: null },
      ];
      await producer.send({ topic: scene.topic, messages });
      await producer.disconnect();
      const got = await seen.reach(4);
      expect(got).toMatchObject([
        { headers: { id: 'a', type: scene.sent.name, partitionkey: 'k' }, body: '{"n":1}' },
        { headers: { id: 'b', source: '/cobol', partitionkey: 'k' }, body: '{"n":2}' },
        { headers: { partitionkey: 'k' }, body: 'hello' },
        { headers: { partitionkey: 'k' }, body: '' },
      ]);
    });
  });

  it('leaves no group behind of an instance that listened to broadcasts', async () => {
    const bell = broadcast(`${scene.owner}.bell-rung`, z.object({ n: z.int() }));
    const seen = new Recorder<number>();
    const intake = await scene.receive((_, { n }) => seen.note(n), { contracts: [bell] });
    await scene.send(message(bell, 1));
    await seen.reach(1);
    await intake.close();
    const { groups } = await scene.admin((admin) => admin.listGroups());
    expect(groups.filter(({ groupId }) => groupId.startsWith(scene.owner))).toEqual([]);
  });

  (guarded ? describe : describe.skip)('that asks for a password', () => {
    it('lets in who knows it', async () => {
      const transport = await scene.transport(guarded);
      await transport.publish([message(scene.sent, 1)]);
      const seen = new Recorder<number>();
      await scene.receive((_, { n }) => seen.note(n), {}, guarded);
      await seen.reach(1);
    });

    it('keeps others out, and says so in one sentence without the password', async () => {
      const refused = (at: string) => scene.closed(at).connect();
      const wrong = guarded.replace(/:\/\/(\w+):[^@]*@/, '://$1:secret@');
      await expect(refused(wrong)).rejects.toThrow(
        /^Kafka at kafka:\/\/127.0.0.1:\d+ refuses the user "parley" \(plain\): wrong name, password or mechanism; correct the URL$/,
      );
      await expect(refused(guarded.replace('sasl=plain', 'sasl=scram-sha-256'))).rejects.toThrow(
        /refuses the user "parley" \(scram-sha-256\)/,
      );
      await expect(
        refused(guarded.replace(/\/\/[^@]*@|\?.*/g, (part) => (part[0] === '?' ? '' : '//'))),
      ).rejects.toThrow(/without TLS and without a password\?$/);
    });
  });

  describe('topics', () => {
    it('are only looked at when they are somebody else’s to make', async () => {
      const verifying = await scene.transport(url, { topology: 'verify' });
      await expect(verifying.publish([message(scene.sent, 1)])).rejects.toThrow(
        `Kafka at ${url} has no topic ${scene.topic}; create it`,
      );
      await scene.send(message(scene.sent, 1));
      await verifying.publish([message(scene.sent, 2)]);
    });

    it.each([
      ['partitions=7', 'with partitions 3, not 7'],
      ['replication=3', 'with replication 1, not 3'],
      ['min-insync=2', 'with min.insync.replicas 1, not 2'],
    ])('that are not as the URL wants them are named (%s)', async (option, expected) => {
      await scene.send(message(scene.sent, 1));
      await expect(scene.receive(() => undefined, {}, `${url}?${option}`)).rejects.toMatchObject({
        name: 'TopologyMismatchError',
        message: expect.stringContaining(expected) as string,
      });
    });

    it('are made as the URL wants them', async () => {
      const transport = await scene.transport(`${url}?partitions=5&retention=8d`);
      await transport.publish([message(scene.sent, 1)]);
      const { topics } = await scene.admin((admin) =>
        admin.fetchTopicMetadata({ topics: [scene.topic] }),
      );
      expect(topics[0]!.partitions).toHaveLength(5);
      const findings = (await transport.checkDurability!()).filter(({ what }) =>
        what.startsWith(scene.topic),
      );
      expect(
        findings.map(({ what, verdict }) => `${what.slice(scene.topic.length + 2)} ${verdict}`),
      ).toEqual([
        'replication factor 1 unsafe',
        'min.insync.replicas 1 unsafe',
        'unclean.leader.election.enable false safe',
        'partitions 5 safe',
        `retention.ms ${8 * 86_400_000} safe`,
      ]);
    });
  });

  describe('a start that fails says in one sentence, within 15 s and without the password,', () => {
    const failure = async (at: string) => {
      const transport = scene.closed(at);
      const [took, error] = await ownTime(() =>
        transport.connect().then(
          () => undefined,
          (thrown: Error) => thrown,
        ),
      );
      expect(took).toBeLessThan(16_000);
      expect(error).toMatchObject({
        name: 'KafkaUnavailableError',
        message: expect.not.stringMatching(/secret|\n/) as string,
      });
      return error!.message;
    };

    it('that the host is unknown', async () => {
      expect(await failure('kafka://me:secret@nowhere.invalid:9092')).toMatch(
        /nowhere.invalid:9092 cannot be reached \(.*ENOTFOUND|EAI_AGAIN/,
      );
    });

    it('that nothing listens there', async () => {
      expect(await failure('kafka://127.0.0.1:9')).toMatch(/cannot be reached \(.*ECONNREFUSED/);
    });

    it('that the user is not let in', async () => {
      expect(await failure(url.replace('://', '://me:secret@'))).toMatch(
        /refuses the user "me" \(plain\)/,
      );
    });

    it.each([
      ['hangs up', (socket: Socket) => void socket.end('AMQP\u0000\u0000\u0009\u0001')],
      ['says nothing', () => undefined],
      [
        'says something else',
        (socket: Socket) => void socket.on('data', () => socket.write('-ERR unknown command\r\n')),
      ],
    ])('that what listens there is no Kafka: it %s', async (_, answer) => {
      const sockets: Socket[] = [];
      const server = createServer(
        (socket) => (sockets.push(socket.on('error', () => undefined)), answer(socket)),
      ).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const message = await failure(`kafka://127.0.0.1:${port}`);
      for (const socket of sockets) socket.destroy();
      server.close();
      expect(message).toMatch(/does not answer as Kafka does/);
    });
  });
});
