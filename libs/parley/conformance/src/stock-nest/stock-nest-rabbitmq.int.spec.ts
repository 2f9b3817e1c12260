import { Controller, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientRMQ,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  type RmqContext,
  type RmqOptions,
  ServerRMQ,
} from '@nestjs/microservices';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { randomUUID } from 'node:crypto';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { eventually, Gate, Recorder } from '../harness/recorder';
import { TcpProxy } from '../harness/tcp-proxy';

const url = process.env.RABBITMQ_URL ?? '';
if (!url) process.stdout.write('stock Nest on RabbitMQ: not run, for RABBITMQ_URL is not set\n');

type Options = NonNullable<RmqOptions['options']>;

Logger.overrideLogger(false);
jest.setTimeout(30_000);

(url ? describe : describe.skip)('stock Nest on RabbitMQ', () => {
  /** The handler of the test that runs. */
  let handle: (n: number, context: RmqContext) => unknown;
  let queue: string;
  let broker: ChannelModel;
  let direct: Channel;
  let opened: Array<{ close(): unknown }>;

  @Controller()
  class Handlers {
    @EventPattern<string>('do')
    do(@Payload() n: number, @Ctx() context: RmqContext): unknown {
      return handle(n, context);
    }

    @MessagePattern('ask')
    ask(@Payload() n: number, @Ctx() context: RmqContext): unknown {
      return handle(n, context);
    }
  }

  beforeEach(async () => {
    queue = `stock-nest-${randomUUID().slice(0, 8)}`;
    opened = [];
    broker = await connect(url);
    direct = await broker.createChannel();
  });

  afterEach(async () => {
    for (const one of opened.reverse()) await one.close();
    await direct.deleteQueue(queue);
    await direct.deleteExchange(queue);
    await broker.close();
  });

  const options = (more: Options): Options => ({ urls: [url], queue, ...more });

  async function service(more: Options = {}) {
    const server = new ServerRMQ(
      options({ socketOptions: { reconnectTimeInSeconds: 1 }, ...more }),
    );
    const statuses = new Recorder<string>();
    server.status.subscribe(statuses.note);
    const app = await NestFactory.createMicroservice(
      { module: class Service {}, controllers: [Handlers] },
      { strategy: server, logger: false },
    );
    const close = onceOnly(() => app.close());
    opened.push({ close });
    return { server, statuses, listen: () => app.listen(), close };
  }

  async function listening(more: Options = {}) {
    const made = await service(more);
    await made.listen();
    await eventually(async () => (await atBroker()).consumers === 1, 'the consumer');
    return made;
  }

  function client(more: Options = {}): ClientRMQ {
    const made = new ClientRMQ(options({ socketOptions: { reconnectTimeInSeconds: 1 }, ...more }));
    opened.push(made);
    return made;
  }

  /** Messages that the broker holds ready for delivery, and their consumers. */
  async function atBroker() {
    const { messageCount: ready, consumerCount: consumers } = await direct.checkQueue(queue);
    return { ready, consumers };
  }

  it('never settles a send() whose connection was lost, although it is connected again', async () => {
    const [begun, end] = [new Gate(), new Gate()];
    handle = async (n) => (n === 1 ? (begun.open(), await end.opened) : undefined, n);
    await listening();
    const road = await TcpProxy.to(url, 5672);
    opened.unshift(road);
    const sender = client({ urls: [road.along(url)] });
    const statuses = new Recorder<string>();
    sender.status.subscribe(statuses.note);
    const lost = watched(firstValueFrom(sender.send('ask', 1)));
    await begun.opened;
    // Once a later message is confirmed, the first one is, too: unconfirmed, it would fail with the
    // channel.
    await sent(sender, 2);
    expect(road.cut()).toBe(1);
    await statuses.until(
      (entries) => entries.join() === 'connected,disconnected,connected',
      'the new connection',
    );
    end.open();
    expect(await firstValueFrom(sender.send('ask', 3))).toBe(3);
    await quiet();
    expect(lost.state).toBe('pending');
    // Nothing but this ends it.
    await sender.close();
    await expect(lost.promise).rejects.toThrow('Connection closed');
  });

  it('tells the sender of a command that it was sent, although its queue is gone', async () => {
    const sender = client();
    await sent(sender, 1);
    expect(await direct.deleteQueue(queue)).toEqual({ messageCount: 1 });
    await expect(sent(sender, 2)).resolves.toBeUndefined();
    expect(await direct.assertQueue(queue)).toMatchObject({ messageCount: 0 });
  });

  it('tells the sender of a command that it was sent, although no queue is bound', async () => {
    const sender = client({ wildcards: true });
    await expect(sent(sender, 1)).resolves.toBeUndefined();
    expect(await direct.assertQueue(queue)).toMatchObject({ messageCount: 0 });
  });

  it('has acknowledged what it brings: when the handler throws it is gone', async () => {
    const seen = new Recorder<number>();
    handle = (n) => fail(seen, n);
    const { close } = await listening();
    await sent(client(), 1);
    await seen.reach(1);
    await quiet();
    await close();
    expect(await atBroker()).toEqual({ ready: 0, consumers: 0 });
    expect(seen.entries).toEqual([1]);
  });

  it('leaves it unacknowledged with noAck: false when the handler throws, and brings nothing more', async () => {
    const seen = new Recorder<number>();
    handle = (n) => fail(seen, n);
    const { close } = await listening({ noAck: false, prefetchCount: 1 });
    const sender = client();
    await sent(sender, 1);
    await sent(sender, 2);
    await seen.reach(1);
    await quiet();
    expect(seen.entries).toEqual([1]);
    expect(await atBroker()).toEqual({ ready: 1, consumers: 1 });
    await close();
    expect(await atBroker()).toEqual({ ready: 2, consumers: 0 });
  });

  it('loses its connection when a handler acknowledges twice, and what is under way comes again and cannot be acknowledged', async () => {
    const seen = new Recorder<string>();
    const [begun, end] = [new Gate(), new Gate()];
    const acknowledgeLate = new Recorder<() => void>();
    handle = async (n, context) => {
      const acknowledge = () => context.getChannelRef().ack(context.getMessage());
      const { redelivered } = context.getMessage().fields;
      seen.note(`${n}${redelivered ? ' again' : ''}`);
      if (redelivered) return acknowledge();
      if (n === 2) return [1, 2].forEach(acknowledge);
      begun.open();
      await end.opened;
      acknowledgeLate.note(acknowledge);
    };
    const { statuses } = await listening({ noAck: false });
    const sender = client();
    await sent(sender, 1);
    await begun.opened;
    await sent(sender, 2);
    await seen.reach(3);
    expect(seen.entries).toEqual(['1', '2', '1 again']);
    expect(statuses.entries).toEqual(['connected', 'disconnected', 'connected']);
    end.open();
    const [late] = await acknowledgeLate.reach(1);
    expect(late).toThrow('Channel closed');
  });

  it('consumes nothing more when its queue was deleted, and calls that connected', async () => {
    const seen = new Recorder<number>();
    handle = seen.note;
    const { statuses } = await listening();
    const sender = client();
    await sent(sender, 1);
    await seen.reach(1);
    await direct.deleteQueue(queue);
    await direct.assertQueue(queue);
    await sent(sender, 2);
    await quiet();
    expect(await atBroker()).toEqual({ ready: 1, consumers: 0 });
    expect(seen.entries).toEqual([1]);
    expect(statuses.entries).toEqual(['connected']);
  });

  it('never settles listen() when the queue has other settings', async () => {
    await direct.assertQueue(queue, { durable: false });
    const { server, statuses, listen } = await service();
    const start = watched(listen());
    await statuses.reach(1);
    const refusals = new Recorder<string>();
    // This failure has no listener, so it ends the process. The test adds one, to see that listen()
    // does not report it either.
    expect(server['channel'].listenerCount('error')).toBe(0);
    server['channel'].on('error', ({ message }: Error) => refusals.note(message));
    for (const refusal of await refusals.reach(2))
      expect(refusal).toContain("PRECONDITION_FAILED - inequivalent arg 'durable'");
    expect(start.state).toBe('pending');
  });

  it('closes before what it handles has ended, and the broker has forgotten it', async () => {
    const [begun, end] = [new Gate(), new Gate()];
    let ended = false;
    handle = async () => (begun.open(), await end.opened, (ended = true));
    const { close } = await listening();
    await sent(client(), 1);
    await begun.opened;
    await close();
    expect(ended).toBe(false);
    expect(await atBroker()).toEqual({ ready: 0, consumers: 0 });
    end.open();
  });

  it('hands the metadata of a sender to no handler', async () => {
    const seen = new Recorder<RmqContext>();
    handle = (_, context) => seen.note(context);
    await listening();
    const sender = client();
    sender.setOnDispatchHook((packet) => void (packet.metadata = { traceparent: TRACE }));
    await sent(sender, 1);
    const [context] = await seen.reach(1);
    expect(context).not.toHaveProperty('getMetadata');
    expect(JSON.stringify(context!.getMessage().properties)).not.toContain(TRACE);
    // It came all the same, in bytes that only a handler reads which knows of them.
    expect(context!.getMessage().content.toString()).toContain(TRACE);
  });
});

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Emits as well as it can be done: with a subscriber that learns of a failure. */
const sent = (sender: ClientRMQ, n: number): Promise<unknown> =>
  lastValueFrom(sender.emit('do', n));

function fail(seen: Recorder<number>, n: number): never {
  seen.note(n);
  throw new Error('no luck');
}

/**
 * A wait before asserting that nothing happened: many times longer than a broker of this machine
 * needs.
 */
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_000));

function watched<T>(promise: Promise<T>) {
  const seen = { promise, state: 'pending' };
  promise.then(
    () => (seen.state = 'fulfilled'),
    () => (seen.state = 'rejected'),
  );
  return seen;
}

function onceOnly(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () => (closing ??= close());
}
