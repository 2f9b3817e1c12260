import {
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { MemoryStore } from '@parley/memory';
import { command, type Command } from '@parley/contract';
import {
  type Delivery,
  HandlerRegistry,
  type Consumer,
  type OutgoingMessage,
  type Outcome,
  systemClock,
  type Transport,
  type TransportContext,
} from '@parley/messaging/transport';
import { freePort, eventually } from '@parley/conformance';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { z } from 'zod';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';

const given = process.env.SQS_URL ?? '';
const prefix = `trial-${randomBytes(4).toString('hex')}-`;
const Job = z.object({ key: z.string(), n: z.int() });
type Job = z.infer<typeof Job>;
const DONE: Outcome = { kind: 'done', settled: false };

const withOptions = (options: Readonly<Record<string, string>>, url = given): string => {
  const own = new URL(url);
  for (const [name, value] of Object.entries(options)) own.searchParams.set(name, value);
  return own.href;
};

/** One owner with its queues and its deliveries. */
class Owner {
  readonly name: string;
  readonly keyed: Command<Job>;
  readonly loose: Command<Job>;
  readonly store = new MemoryStore();
  readonly handed: Delivery[] = [];
  readonly transport: Transport;
  intake?: Consumer;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly handle: (delivery: Delivery, n: number) => Promise<Outcome> | Outcome = () =>
      DONE,
    options: Readonly<Record<string, string>> = {},
    more: Partial<TransportContext> = {},
    /** Of whom this is one more instance. */
    first?: Owner,
  ) {
    this.name = first?.name ?? `t${randomBytes(4).toString('hex')}`;
    this.keyed = first?.keyed ?? command(`${this.name}.do-keyed`, Job, { key: 'key' });
    this.loose = first?.loose ?? command(`${this.name}.do-loose`, Job);
    const url = withOptions({ prefix, wait: '1s', lease: '3s', ...options });
    this.transport = sqs.open!(url, {
      service: this.name,
      instance: `${this.name}-1`,
      clock: systemClock,
      store: this.store,
      log: () => undefined,
      ...more,
    });
  }

  async listen(concurrency?: number): Promise<this> {
    const registry = new HandlerRegistry(this.name, concurrency);
    const extras = (contract: typeof this.keyed | typeof this.loose) => ({
      contract,
      options: {},
      handlerClass: class {},
      method: 'handle',
    });
    for (const contract of [this.keyed, this.loose])
      registry.add((async () => undefined) as never, extras(contract) as never);
    this.intake = this.transport.consumer('command', registry, async (delivery) => {
      this.handed.push(delivery);
      for (const look of this.waiting) look();
      return this.handle(delivery, this.handed.length);
    });
    await new Promise<void>((resolve, reject) =>
      this.intake!.listen((error?: unknown) => (error ? reject(error) : resolve())),
    );
    return this;
  }

  message(
    contract: typeof this.keyed | typeof this.loose,
    n: number,
    more: Partial<OutgoingMessage> = {},
  ): OutgoingMessage {
    const id = randomUUID();
    const envelope = {
      specversion: '1.0',
      id,
      type: contract.name,
      source: '/trial',
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      contractversion: '1',
      correlationid: id,
      partitionkey: contract.key && 'k',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      producerinstance: 'trial',
      producerbuild: 'trial',
    } as const;
    return { contract, envelope, body: Buffer.from(JSON.stringify({ key: 'k', n })), ...more };
  }

  /** Resolves with the deliveries once there are so many. */
  reach(count: number): Promise<readonly Delivery[]> {
    return new Promise((resolve) => {
      const look = () => this.handed.length >= count && resolve(this.handed);
      this.waiting.push(look);
      look();
    });
  }

  async close(): Promise<void> {
    await this.intake?.close();
    await this.transport.close();
  }
}

const numberOf = ({ body }: Delivery): number =>
  (JSON.parse(body.toString()) as z.infer<typeof Job>).n;

(given ? describe : describe.skip)('commands over SQS', () => {
  const owners: Owner[] = [];
  const servers: Server[] = [];
  const queues = TrialQueues.at(given || 'sqs://nowhere');
  const owner = (...args: ConstructorParameters<typeof Owner>): Owner => (
    owners.push(new Owner(...args)),
    owners.at(-1)!
  );
  const urlOf = async ({ name }: Owner, suffix = '') =>
    (await queues.list(`${prefix}${name}`)).find((url) => url.endsWith(`${name}${suffix}`))!;
  const start = (url: string, more: Partial<TransportContext> = {}) =>
    sqs.open!(url, {
      service: 'trial',
      instance: 'trial-1',
      clock: systemClock,
      log: () => undefined,
      ...more,
    }).connect();

  /** A foreign listener on the port, with a fixed answer. */
  const somebody = async ({
    status,
    type,
    body,
  }: {
    status: number;
    type: string;
    body: string;
  }): Promise<string> => {
    const server = createServer((_, response) =>
      response.writeHead(status, { 'content-type': type }).end(body),
    ).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `sqs://a:b@127.0.0.1:${(server.address() as { port: number }).port}?insecure=true`;
  };

  afterAll(async () => {
    for (const server of servers) server.close().closeAllConnections();
    await Promise.all(owners.map((one) => one.close()));
    await queues.drop(prefix);
  });

  it('stay with their handler for longer than a lease', async () => {
    const finish: (() => void)[] = [];
    const one = owner(
      () => new Promise<Outcome>((resolve) => void finish.push(() => resolve(DONE))),
    );
    const [other, clock] = [owner(undefined, undefined, undefined, one), owner()];
    await one.transport.publish([one.message(one.keyed, 1), one.message(one.loose, 2)]);
    // Busy with them, it asks for no more: the other one would get messages with an expired lease.
    await one.listen(2);
    await one.reach(2);
    await other.listen();
    await clock.transport.publish([clock.message(clock.loose, 1, { delay: 5_000 })]);
    await clock.listen();
    await clock.reach(1);
    expect(other.handed).toEqual([]);
    expect(one.handed.map(numberOf).sort()).toEqual([1, 2]);
    expect(one.handed.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    for (const end of finish) end();
  });

  it('wait as long as they were told to, with a key and without', async () => {
    const one = await owner().listen();
    const sent = Date.now();
    await one.transport.publish([
      one.message(one.keyed, 1, { delay: 1_500 }),
      one.message(one.loose, 2, { delay: 1_500 }),
    ]);
    const handed = await one.reach(2);
    expect(Date.now() - sent).toBeGreaterThanOrEqual(1_500);
    expect(handed.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(handed.find(({ headers }) => headers.partitionkey === 'k')!.supports).toEqual({
      retry: false,
      dead: false,
    });
  });

  it('come again as the next attempt, with what failed before', async () => {
    const failure = {
      error: 'Error',
      message: 'no',
      stack: '',
      tries: 3,
      instance: 'i',
      firstFailedAt: 'a',
      lastFailedAt: 'b',
    };
    const one = await owner(({ attempt }) =>
      attempt === 1 ? { kind: 'retry', after: 10, failure } : DONE,
    ).listen();
    await one.transport.publish([one.message(one.loose, 1)]);
    const [first, second] = await one.reach(2);
    expect([first!.attempt, first!.failure, second!.attempt, second!.failure]).toEqual([
      1,
      undefined,
      2,
      failure,
    ]);
    expect(second!.headers).toEqual(first!.headers);
  });

  it('are kept as dead letters when SQS gives them up', async () => {
    const one = owner();
    await one.transport.publish([one.message(one.keyed, 1), one.message(one.loose, 2)]);
    for (const suffix of ['', '-lanes.fifo']) {
      const url = await urlOf(one, suffix);
      const { RedrivePolicy } = await queues.attributes(url);
      const once = JSON.stringify({
        ...(JSON.parse(RedrivePolicy!) as object),
        maxReceiveCount: 1,
      });
      await queues.client.send(
        new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { RedrivePolicy: once } }),
      );
      // A consumer takes it and dies of it.
      await queues.client.send(new ReceiveMessageCommand({ QueueUrl: url, VisibilityTimeout: 0 }));
      await queues.client.send(
        new ReceiveMessageCommand({ QueueUrl: url, VisibilityTimeout: 0, WaitTimeSeconds: 1 }),
      );
      await queues.client.send(
        new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { RedrivePolicy } }),
      );
    }
    await one.listen();
    const letters = await eventually(async () => {
      const all = await one.store.lanes.deadLetters.list();
      return all.length === 2 && all;
    }, 'both to be kept');
    expect(letters.map(({ failure }) => failure.error)).toEqual([
      'GivenUpByBroker',
      'GivenUpByBroker',
    ]);
    expect(
      letters
        .map(({ body }) => (JSON.parse(Buffer.from(body).toString()) as { n: number }).n)
        .sort(),
    ).toEqual([1, 2]);
    expect(one.handed).toEqual([]);
  });

  it('are read when a foreign program wrote them, and can be read by one', async () => {
    const one = owner();
    await one.transport.publish([one.message(one.loose, 1)]);
    const url = await urlOf(one);
    const { Messages: [ours] = [] } = await queues.client.send(
      new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 5 }),
    );
    expect(JSON.parse((ours as Message).Body!)).toMatchObject({
      specversion: '1.0',
      type: one.loose.name,
      data: { key: 'k', n: 1 },
    });
    await queues.client.send(
      new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: ours!.ReceiptHandle }),
    );
    const document = {
      specversion: '1.0',
      id: randomUUID(),
      type: one.loose.name,
      source: '/python',
      data: { key: 'x', n: 7 },
    };
    await queues.client.send(
      new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(document, null, 2) }),
    );
    await queues.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'hello' }));
    await one.listen();
    const handed = await one.reach(2);
    const [read, unreadable] = [
      handed.find(({ headers }) => headers.id)!,
      handed.find(({ headers }) => !headers.id)!,
    ];
    expect(read).toMatchObject({ headers: { id: document.id, source: '/python' }, attempt: 1 });
    expect(numberOf(read)).toBe(7);
    expect(unreadable.body.toString()).toBe('hello');
  });

  it('of a megabyte arrive, several at a time', async () => {
    const one = await owner().listen();
    const body = Buffer.from(JSON.stringify('x'.repeat(1_000_000)));
    await one.transport.publish([1, 2, 3].map((n) => one.message(one.loose, n, { body })));
    const handed = await one.reach(3);
    expect(handed.map((delivered) => delivered.body.equals(body))).toEqual([true, true, true]);
  });

  it('that do not fit are refused, and nothing is stored', async () => {
    const one = owner();
    const large = one.message(one.loose, 1, {
      body: Buffer.from(JSON.stringify('x'.repeat(1_048_576))),
    });
    await expect(one.transport.publish([large])).rejects.toMatchObject({
      name: 'MessageTooLargeError',
    });
  });

  it('go on when their queue was deleted', async () => {
    const one = await owner().listen();
    await queues.drop(`${prefix}${one.name}`, false);
    await eventually(
      () =>
        one.transport.publish([one.message(one.keyed, 1)]).then(
          () => true,
          () => false,
        ),
      'the queues to be declared anew',
    );
    await one.reach(1);
    await eventually(
      () => one.intake!.health().state === 'consuming',
      'both queues to be consumed again',
    );
  });

  it('say what waits', async () => {
    const one = owner();
    await one.transport.publish([
      one.message(one.keyed, 1),
      one.message(one.loose, 2),
      one.message(one.loose, 3, { delay: 60_000 }),
    ]);
    const idle = await owner().listen();
    expect(await idle.intake!.backlog!()).toEqual([
      { subscription: idle.name, waiting: 0, parked: 0, delayed: 0, dead: 0 },
    ]);
    const findings = await one.transport.checkDurability!();
    // ElasticMQ does not tell how long it keeps messages.
    expect(findings.map(({ verdict }) => verdict)).toEqual([
      'unknown',
      'unknown',
      'safe',
      'unknown',
      'safe',
    ]);
  });

  describe('a start', () => {
    it('is refused when a queue is other than declared', async () => {
      const one = owner();
      await one.transport.publish([one.message(one.loose, 1)]);
      await queues.client.send(
        new SetQueueAttributesCommand({
          QueueUrl: await urlOf(one),
          Attributes: { MessageRetentionPeriod: '3600', DelaySeconds: '5' },
        }),
      );
      await expect(owner(undefined, undefined, undefined, one).listen()).rejects.toThrow(
        `the queue ${prefix}${one.name} has DelaySeconds 5 instead of 0; change it, or use another prefix`,
      );
    });

    it('is refused when a queue is missing that is somebody else’s to make', async () => {
      await expect(owner(undefined, {}, { topology: 'verify' }).listen()).rejects.toThrow(
        /the queue \S+ does not exist, and this service may not make it/,
      );
    });

    it('is refused when nobody is there', async () => {
      await expect(
        start(withOptions({}, `sqs://a:b@127.0.0.1:${await freePort()}?insecure=true`)),
      ).rejects.toThrow(/^SQS at sqs:\/\/127.0.0.1:\d+ cannot be reached \(.*ECONNREFUSED/);
      await expect(start('sqs://a:b@no-such-host.invalid?insecure=true')).rejects.toThrow(
        /cannot be reached \(getaddrinfo/,
      );
    });

    it('is refused when somebody else is there', async () => {
      const url = await somebody({
        status: 404,
        type: 'text/html',
        body: '<html>not found</html>',
      });
      await expect(start(url)).rejects.toThrow(/does not answer like SQS/);
    });

    it('is refused without credentials that are good', async () => {
      // As Amazon says it; ElasticMQ takes any.
      const body = JSON.stringify({
        __type: 'com.amazon.coral.service#UnrecognizedClientException',
        message: 'The security token included in the request is invalid.',
      });
      const url = await somebody({ status: 403, type: 'application/x-amz-json-1.0', body });
      await expect(start(url)).rejects.toThrow(
        /refuses the credentials \(The security token included in the request is invalid\.\)/,
      );
    });
  });
});
