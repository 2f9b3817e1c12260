import { MergeShardsCommand, PutRecordCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { event } from '@parley/contract';
import { type Store, Subscription, type SubscriptionOptions } from '@parley/messaging';
import {
  type Delivery,
  HandlerRegistry,
  type Consumer,
  type OutgoingMessage,
  type Outcome,
  type Positions,
  type ShardMove,
  systemClock,
  type TransportContext,
} from '@parley/messaging/transport';
import { freePort, eventually, MemoryDatabases, FaultyLink, TcpProxy } from '@parley/conformance';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { z } from 'zod';
import { Address } from './address';
import { BusyRoad } from './busy-road.fixture';
import { kinesis } from './kinesis';
import { Streams } from './topology';
import { TrialStreams } from './topology.fixture';

const given = process.env.KINESIS_URL ?? '';
const prefix = `trial-${randomBytes(4).toString('hex')}-`;
const Job = z.object({ key: z.string(), n: z.int() });
type Job = z.infer<typeof Job>;
const DONE: Outcome = { kind: 'done', settled: false };
const databases = new MemoryDatabases();

const withOptions = (options: Readonly<Record<string, string>>, url = given): string => {
  const own = new URL(url);
  for (const [name, value] of Object.entries({ prefix, lease: '2s', poll: '20ms', ...options }))
    own.searchParams.set(name, value);
  return own.href;
};

/** An owner of events, and their readers. */
class World {
  readonly owner = `t${randomBytes(4).toString('hex')}`;
  readonly happened = event(`${this.owner}.job-happened`, Job, { key: 'key' });
  readonly ignored = event(`${this.owner}.job-ignored`, Job, { key: 'key' });
  readonly stream = `${prefix}${this.owner}.events`;
  private readonly ends: (() => Promise<unknown>)[] = [];

  open(options: Readonly<Record<string, string>> = {}, more: Partial<TransportContext> = {}) {
    const transport = kinesis.open!(withOptions(options), {
      service: this.owner,
      instance: `${this.owner}-1`,
      clock: systemClock,
      log: () => undefined,
      ...more,
    });
    this.ends.push(() => transport.close());
    return transport;
  }

  async send(
    jobs: readonly Job[],
    transport = this.open(),
    contract = this.happened,
  ): Promise<void> {
    await transport.publish(jobs.map((job) => this.message(job, contract)));
  }

  message(job: Job, contract = this.happened): OutgoingMessage {
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
      partitionkey: job.key,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      producerinstance: 'trial',
      producerbuild: 'trial',
    } as const;
    return { contract, envelope, body: Buffer.from(JSON.stringify(job)) };
  }

  async listen(
    seen: Job[],
    { link = new FaultyLink(), road, ...how }: Listening = {},
  ): Promise<Consumer> {
    const service = `${this.owner}-hearer`;
    const context = {
      service,
      instance: `${service}-${randomUUID()}`,
      store: databases.linked(service, link),
      ...how.context,
    };
    const transport = kinesis.open!(withOptions({}, road ? road.along(given) : given), {
      clock: systemClock,
      log: () => undefined,
      ...context,
    });
    const registry = new HandlerRegistry(service, how.concurrency);
    class Hearer {}
    Subscription('trial', how.options)(Hearer);
    registry.add(
      (async () => undefined) as never,
      { contract: this.happened, options: {}, handlerClass: Hearer, method: 'hear' } as never,
    );
    const intake = transport.consumer(
      'event',
      registry,
      how.handle ?? (async (delivery) => (seen.push(jobOf(delivery)), DONE)),
    );
    this.ends.push(() => intake.close().then(() => transport.close()));
    await new Promise<void>((resolve, reject) =>
      intake.listen((error?: unknown) => (error ? reject(error) : resolve())),
    );
    return intake;
  }

  async close(): Promise<void> {
    await Promise.all(this.ends.map((end) => end().catch(() => undefined)));
  }
}

interface Listening {
  readonly link?: FaultyLink;
  readonly road?: TcpProxy;
  readonly options?: SubscriptionOptions;
  readonly concurrency?: number;
  readonly handle?: (delivery: Delivery) => Promise<Outcome>;
  readonly context?: Partial<TransportContext>;
}

const jobOf = ({ body }: Delivery): Job => JSON.parse(body.toString()) as Job;
const jobs = (from: number, to: number, keys = 7): Job[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ key: `k${(from + i) % keys}`, n: from + i }));
const sorted = (list: readonly Job[]): number[] => list.map(({ n }) => n).sort((a, b) => a - b);

/**
 * Without the pipeline and its inbox, messages handled beyond the position are delivered again when
 * a shard changes hands.
 */
function firstTimes(seen: readonly Job[]): Job[] {
  const known = new Set<number>();
  return seen.filter(({ n }) => !known.has(n) && known.add(n));
}

function expectOrderPerKey(seen: readonly Job[]): void {
  for (const key of new Set(seen.map((job) => job.key))) {
    const order = seen.filter((job) => job.key === key).map(({ n }) => n);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  }
}

(given ? describe : describe.skip)('streams of Kinesis', () => {
  const worlds: World[] = [];
  const servers: Server[] = [];
  const trial = TrialStreams.at(given || 'kinesis://nowhere');
  const world = (): World => (worlds.push(new World()), worlds.at(-1)!);
  const reach = (seen: readonly Job[], count: number) =>
    eventually(() => seen.length >= count, `${count} events`);
  const streams = new Streams(trial.client, new Address(given || 'kinesis://nowhere'));
  /** A hearer's store, which tells how positions move. */
  const watched = ({ owner }: World, link: FaultyLink, moved: ShardMove[]): Store => {
    const store = databases.linked(`${owner}-hearer`, link);
    const advance: Positions['advance'] = (reader, moves, free) =>
      store.streamPositions!.advance(reader, moves, free).finally(() => moved.push(...moves));
    const watching: Pick<Positions, 'advance'> = { advance };
    const positions = Object.setPrototypeOf(watching, store.streamPositions!) as Positions;
    const own: Pick<Store, 'streamPositions'> = { streamPositions: positions };
    return Object.setPrototypeOf(own, store) as Store;
  };
  const openShards = async (stream: string) =>
    (await streams.shards(stream)).filter(({ isOpen }) => isOpen).map(({ id }) => id);

  afterEach(async () => {
    await Promise.all(worlds.splice(0).map((one) => one.close()));
    await trial.drop((name) => name.startsWith(prefix));
  });
  afterAll(() => {
    trial.client.destroy();
    for (const server of servers) server.close().closeAllConnections();
  });

  it('are read on, in order per key, while they are split and merged', async () => {
    const one = world();
    const seen: Job[] = [];
    // More than one reading of a shard returns: its successors would be read before all of it.
    await one.send(jobs(1, 1_600, 50));
    const [first] = await openShards(one.stream);
    const middle = (BigInt(2) ** BigInt(126)).toString();
    await trial.client.send(
      new SplitShardCommand({
        StreamName: one.stream,
        ShardToSplit: first,
        NewStartingHashKey: middle,
      }),
    );
    await eventually(async () => (await openShards(one.stream)).length === 3, 'the split');
    await one.send(jobs(1_601, 1_700, 50));
    await one.listen(seen);
    await one.listen(seen);
    const [, left, right] = await openShards(one.stream);
    await trial.client.send(
      new MergeShardsCommand({
        StreamName: one.stream,
        ShardToMerge: left,
        AdjacentShardToMerge: right,
      }),
    );
    await eventually(async () => (await openShards(one.stream)).length === 2, 'the merger');
    await one.send(jobs(1_701, 1_800, 50));
    await eventually(() => new Set(seen.map(({ n }) => n)).size === 1_800, 'all of them');
    expectOrderPerKey(firstTimes(seen));
  });

  it('of an instance that went silent are taken over after its lease, and nothing is lost', async () => {
    const one = world();
    const [lost, kept]: [Job[], Job[]] = [[], []];
    const [road, link] = [await TcpProxy.to(given, 4567), new FaultyLink()];
    await one.listen(lost, { road, link });
    await one.send(jobs(1, 40));
    await reach(lost, 40);
    await one.listen(kept);
    expect(road.down() + link.set(false)).toBeGreaterThan(1);
    await one.send(jobs(41, 80));
    await eventually(() => new Set([...lost, ...kept].map(({ n }) => n)).size === 80, 'all 80');
    expectOrderPerKey(firstTimes(kept));
    await road.close();
  });

  it('are shared, and handed over when somebody joins or leaves', async () => {
    const one = world();
    await one.send(jobs(1, 1));
    const members = [await one.listen([]), await one.listen([])] as unknown as {
      holdings(): string[];
      close(): Promise<void>;
    }[];
    expect(members.map((member) => member.holdings().length)).toEqual([1, 1]);
    await members[0]!.close();
    await eventually(() => members[1]!.holdings().length === 2, 'the other to have both');
  });

  it('go on where they were, and not past what is not finished', async () => {
    const one = world();
    const [first, second]: [Job[], Job[]] = [[], []];
    const stuck = { key: 'stuck', n: 0 };
    const handle = (seen: Job[], stops: boolean) => async (delivery: Delivery) => {
      const job = jobOf(delivery);
      if (stops && job.n === stuck.n)
        return new Promise<Outcome>((resolve) =>
          delivery.signal.addEventListener('abort', () => resolve({ kind: 'return' })),
        );
      seen.push(job);
      return DONE;
    };
    await one.send([stuck, ...jobs(1, 30)]);
    const [road, link] = [await TcpProxy.to(given, 4567), new FaultyLink()];
    const moved: ShardMove[] = [];
    await one.listen(first, {
      handle: handle(first, true),
      road,
      context: { store: watched(one, link, moved) },
    });
    await reach(first, 30);
    const known = moved.length;
    await one.send([{ key: 'k0', n: 31 }]);
    await eventually(() => moved.length > known, 'positions to be known');
    road.down();
    link.set(false);
    await one.listen(second, { handle: handle(second, false) });
    await eventually(() => second.some(({ n }) => n === stuck.n), 'what was not finished');
    await road.close();
  });

  it('hand nothing over again that was done when somebody left', async () => {
    const one = world();
    const [before, after]: [Job[], Job[]] = [[], []];
    const moved: ShardMove[] = [];
    const first = await one.listen(before, {
      context: { store: watched(one, new FaultyLink(), moved) },
    });
    await one.send([...jobs(1, 30, 1), { key: 'other', n: 31 }]);
    await reach(before, 31);
    const known = moved.length;
    await eventually(() => moved.length > known, 'the last one’s position to be known');
    await first.close();
    await one.listen(after);
    await one.send([{ key: 'k0', n: 32 }]);
    await reach(after, 1);
    expect(sorted(after)).toEqual([32]);
  });

  it('are heard live by every instance, from now on, also where they are split', async () => {
    const one = world();
    const [here, there]: [Job[], Job[]] = [[], []];
    await one.send(jobs(1, 10));
    await one.listen(here, { options: { live: true }, context: { store: undefined } });
    await one.listen(there, { options: { live: true }, context: { store: undefined } });
    await one.send(jobs(11, 20));
    await one.send([{ key: 'x', n: 1_000 }], undefined, one.ignored);
    await Promise.all([reach(here, 10), reach(there, 10)]);
    const [first] = await openShards(one.stream);
    await trial.client.send(
      new SplitShardCommand({
        StreamName: one.stream,
        ShardToSplit: first,
        NewStartingHashKey: (BigInt(2) ** BigInt(126)).toString(),
      }),
    );
    await eventually(async () => (await openShards(one.stream)).length === 3, 'the split');
    await one.send(jobs(21, 60));
    await Promise.all([reach(here, 50), reach(there, 50)]);
    for (const seen of [here, there]) {
      expect(sorted(seen)).toEqual(sorted(jobs(11, 60)));
      expectOrderPerKey(seen);
    }
  });

  it('keep the order of a key when Kinesis refuses some records of a request', async () => {
    const one = world();
    const seen: Job[] = [];
    let asked = 0;
    const { endpoint } = new Address(given);
    const road = await BusyRoad.to(endpoint!, () => asked++ % 3 === 0);
    const busy = kinesis.open!(withOptions({}, road.along(given)), {
      service: one.owner,
      instance: 'busy',
      clock: systemClock,
      log: () => undefined,
    });
    await one.listen(seen);
    await one.send(jobs(1, 100), busy);
    await reach(seen, 100);
    expect(road.refused).toBeGreaterThan(30);
    expect(sorted(seen)).toEqual(sorted(jobs(1, 100)));
    expectOrderPerKey(seen);
    await busy.close();
    await road.close();
  });

  it('are read when a foreign program wrote them; what nobody can read is handed over as it came', async () => {
    const one = world();
    const handed: Delivery[] = [];
    await one.listen([], { handle: async (delivery) => (handed.push(delivery), DONE) });
    const document = {
      specversion: '1.0',
      id: randomUUID(),
      type: one.happened.name,
      source: '/python',
      data: { key: 'x', n: 7 },
    };
    for (const text of [JSON.stringify(document, null, 2), 'hello']) {
      await trial.client.send(
        new PutRecordCommand({
          StreamName: one.stream,
          PartitionKey: 'x',
          Data: Buffer.from(text),
        }),
      );
    }
    await eventually(() => handed.length === 2, 'both');
    const [read, unreadable] = [
      handed.find(({ headers }) => headers.id)!,
      handed.find(({ headers }) => !headers.id)!,
    ];
    expect([read.headers.source, jobOf(read), unreadable.body.toString()]).toEqual([
      '/python',
      document.data,
      'hello',
    ]);
  });

  it('refuse what does not fit', async () => {
    const one = world();
    const large = {
      ...one.message({ key: 'k', n: 1 }),
      body: Buffer.from(JSON.stringify('x'.repeat(1_048_576))),
    };
    await expect(one.open().publish([large])).rejects.toMatchObject({
      name: 'RecordTooLargeError',
    });
  });

  it('tell the doctor how long they keep things', async () => {
    const one = world();
    const transport = one.open();
    await one.send(jobs(1, 1), transport);
    const findings = await transport.checkDurability!();
    expect(findings.map(({ what, verdict }) => [what.split(' ').at(-1), verdict])).toEqual([
      [expect.any(String), 'unknown'],
      ['there', 'unknown'],
      ['168', 'safe'],
    ]);
  });

  describe('a start', () => {
    const start = (url: string) =>
      kinesis.open!(url, {
        service: 'trial',
        instance: 'trial-1',
        clock: systemClock,
        log: () => undefined,
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
      return `kinesis://a:b@127.0.0.1:${(server.address() as { port: number }).port}?insecure=true`;
    };

    it('is refused when a stream keeps less than declared', async () => {
      const one = world();
      await one.send(jobs(1, 1), one.open({ retention: '24h' }));
      await expect(one.listen([])).rejects.toThrow(
        `the stream ${one.stream} keeps what is in it for 24 h instead of 168 h; raise that, or set ?retention=24h`,
      );
    });

    it('is refused when a stream is missing that is somebody else’s to make', async () => {
      await expect(world().listen([], { context: { topology: 'verify' } })).rejects.toThrow(
        /the stream \S+ does not exist, and this service may not make it/,
      );
    });

    it('is refused to a service whose store keeps no positions', async () => {
      await expect(world().listen([], { context: { store: undefined } })).rejects.toThrow(
        'keeps no positions in streams',
      );
    });

    it('is refused when nobody is there', async () => {
      await expect(
        start(`kinesis://a:b@127.0.0.1:${await freePort()}?insecure=true`),
      ).rejects.toThrow(/^Kinesis at kinesis:\/\/127.0.0.1:\d+ cannot be reached \(.*ECONNREFUSED/);
      await expect(start('kinesis://a:b@no-such-host.invalid?insecure=true')).rejects.toThrow(
        /cannot be reached \(getaddrinfo/,
      );
    });

    it('is refused when somebody else is there', async () => {
      await expect(
        start(await somebody({ status: 404, type: 'text/html', body: '<html>not found</html>' })),
      ).rejects.toThrow(/does not answer like Kinesis/);
    });

    it('is refused without credentials that are good', async () => {
      // As Amazon says it; Kinesalite takes any.
      const body = JSON.stringify({
        __type: 'UnrecognizedClientException',
        message: 'The security token included in the request is invalid.',
      });
      await expect(
        start(await somebody({ status: 400, type: 'application/x-amz-json-1.1', body })),
      ).rejects.toThrow(/refuses the credentials \(The security token/);
    });
  });
});
