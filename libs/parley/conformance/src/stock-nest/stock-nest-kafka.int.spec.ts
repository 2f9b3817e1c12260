import { Controller, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientKafka,
  Ctx,
  EventPattern,
  type KafkaContext,
  type KafkaOptions,
  Payload,
  ServerKafka,
} from '@nestjs/microservices';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { lastValueFrom } from 'rxjs';
import { eventually, Gate, Recorder } from '../harness/recorder';

const url = process.env.KAFKA_URL ?? '';
if (!url) process.stdout.write('stock Nest on Kafka: not run, for KAFKA_URL is not set\n');

type Options = NonNullable<KafkaOptions['options']>;

Logger.overrideLogger(false);
jest.setTimeout(60_000);

(url ? describe : describe.skip)('stock Nest on Kafka', () => {
  const brokers = url ? [new URL(url).host] : [];
  let topic: string;
  let admin: Admin;
  let opened: Array<{ close(): unknown }>;

  beforeEach(async () => {
    topic = `stock-nest-${randomUUID().slice(0, 8)}`;
    opened = [];
    admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  });

  afterEach(async () => {
    for (const one of opened.reverse()) await one.close();
    await admin.deleteTopics({ topics: [topic] });
    await admin.deleteGroups([`${topic}-server`]).catch(() => undefined);
    await admin.disconnect();
  });

  type Handle = (n: number, context: KafkaContext) => unknown;

  /** A service that listens, with a controller for each handler. */
  async function service(
    handlers: Handle[],
    { subscribe = { fromBeginning: true }, consumer }: Options = {},
  ) {
    // An idle consumer closes when its last question is answered: after five seconds, unless it
    // asks for an answer earlier.
    const server = new ServerKafka({
      client: { brokers },
      consumer: { maxWaitTimeInMs: 200, ...consumer, groupId: topic },
      subscribe,
    });
    const statuses = new Recorder<string>();
    server.status.subscribe(statuses.note);
    const app = await NestFactory.createMicroservice(
      { module: class Service {}, controllers: handlers.map(controller) },
      { strategy: server, logger: false },
    );
    let closing: Promise<void> | undefined;
    const close = () => (closing ??= app.close());
    opened.push({ close });
    await app.listen();
    return { statuses, close };
  }

  function controller(handle: Handle) {
    @Controller()
    class Handlers {
      @EventPattern<string>(topic)
      on(@Payload() n: string, @Ctx() context: KafkaContext): unknown {
        return handle(Number(n), context);
      }
    }
    return Handlers;
  }

  function client(): ClientKafka {
    const made = new ClientKafka({ client: { brokers }, producerOnlyMode: true });
    opened.push(made);
    return made;
  }

  const send = (sender: ClientKafka, n: number): Promise<unknown> =>
    lastValueFrom(sender.emit(topic, n));

  /** The end of the log, and the offset that the group has committed. */
  async function atBroker() {
    const [end] = await admin.fetchTopicOffsets(topic);
    const [group] = await admin.fetchOffsets({ groupId: `${topic}-server`, topics: [topic] });
    return { sent: Number(end!.high), handled: Number(group!.partitions[0]!.offset) };
  }

  it('skips for a new group what was said before it', async () => {
    const seen = new Recorder<number>();
    const sender = client();
    await send(sender, 1);
    await service([seen.note], { subscribe: {} });
    // It consumes before it knows the end of the log: messages sent meanwhile are skipped, too.
    const last = await eventually(
      async () => (await send(sender, 2), seen.entries.length > 0 && atBroker()),
      'an event that is not skipped',
    );
    await eventually(async () => (await atBroker()).handled >= last.sent, 'the position');
    expect(new Set(seen.entries)).toEqual(new Set([2]));
  });

  it('skips for a group without a position what crashed its consumer, and what followed it', async () => {
    const [seen, followed] = [new Recorder<number>(), new Gate()];
    const poison: Handle = async (n) => {
      seen.note(n);
      if (n !== 1) return;
      await followed.opened;
      throw new Error('poison');
    };
    await service([poison], { subscribe: {}, consumer: { groupId: topic, retry: IMPATIENT } });
    const sender = client();
    await eventually(
      async () => (await send(sender, 1), seen.entries.length > 0),
      'the poison to come',
    );
    await send(sender, 2);
    followed.open();
    const last = await eventually(
      async () => (await send(sender, 3), seen.entries.includes(3) && atBroker()),
      'the consumer to be back',
    );
    await eventually(async () => (await atBroker()).handled >= last.sent, 'the position');
    expect(new Set(seen.entries)).toEqual(new Set([1, 3]));
  });

  it('brings a poisonous event again and again, through crashes of its consumer, and none that follows it', async () => {
    const seen = new Recorder<number>();
    const poison: Handle = (n) => {
      seen.note(n);
      if (n === 1) throw new Error('poison');
    };
    const { statuses } = await service([poison], {
      consumer: { groupId: topic, retry: IMPATIENT },
    });
    const sender = client();
    await send(sender, 1);
    await send(sender, 2);
    await statuses.until(
      (entries) => entries.filter((status) => status === 'crashed').length >= 2,
      'two crashes',
      40_000,
    );
    await seen.reach(5, undefined, 40_000);
    expect(new Set(seen.entries)).toEqual(new Set([1]));
    expect(await atBroker()).toEqual({ sent: 2, handled: -1 });
  });

  it('runs the handler that succeeded again when another one of its event fails', async () => {
    const [succeeded, tried] = [new Recorder<number>(), new Recorder<number>()];
    const fails: Handle = (n) => {
      tried.note(n);
      if (tried.entries.length < 3) throw new Error('no luck');
    };
    await service([succeeded.note, fails]);
    await send(client(), 1);
    await tried.reach(3);
    await eventually(async () => (await atBroker()).handled === 1, 'the event to count as handled');
    expect(succeeded.entries).toEqual([1, 1, 1]);
  });

  it('waits at close() for what it handles, however long that takes', async () => {
    const [begun, end] = [new Gate(), new Gate()];
    const { close } = await service([() => (begun.open(), end.opened)]);
    await send(client(), 1);
    await begun.opened;
    let closed = false;
    const closing = close().then(() => (closed = true));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(closed).toBe(false);
    end.open();
    await closing;
  });

  it('drops the metadata of a sender', async () => {
    const seen = new Recorder<KafkaContext>();
    await service([(_, context) => seen.note(context)]);
    const sender = client();
    const dispatched = new Recorder<unknown>();
    sender.setOnDispatchHook(
      (packet) => void dispatched.note((packet.metadata = { traceparent: TRACE })),
    );
    await send(sender, 1);
    const [context] = await seen.reach(1);
    expect(dispatched.entries).toEqual([{ traceparent: TRACE }]);
    expect(context).not.toHaveProperty('getMetadata');
    const { headers, value } = context!.getMessage();
    expect({ headers, value }).toEqual({ headers: {}, value: '1' });
  });
});

/** Nest has five retries by itself, and takes longer to do the same. */
const IMPATIENT = { retries: 1, initialRetryTime: 100 };

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
