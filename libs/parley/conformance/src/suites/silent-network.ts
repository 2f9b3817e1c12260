import { randomBytes } from 'node:crypto';
import { broadcast, command, event, type Kind } from '@parley/contract';
import type { HandlerContext, Technology } from '@parley/messaging';
import { z } from 'zod';
import { Instance } from '../harness/instance';
import { MemoryDatabases, FaultyLink } from '../harness/memory-place';
import { eventually, Gate, Recorder } from '../harness/recorder';
import { TcpProxy } from '../harness/tcp-proxy';
import { handler, type Job, say } from '../harness/test-scenario';

/**
 * Milliseconds until a publish ends, in any state of the network: 10 s, and some for a busy
 * machine.
 */
const PUBLISHED_WITHIN_MS = 15_000;

export interface SilentNetwork {
  readonly technology: Technology;
  readonly kind: Exclude<Kind, 'call'>;
  /** Of the broker itself. */
  readonly url: string;
  readonly port: number;
  /** Query parameters for the URL under which the service reaches the broker. */
  readonly options?: Readonly<Record<string, string>>;
  /** Milliseconds until readiness tells that the network is silent, as docs/waits.md has it. */
  readonly toldWithin: number;
  /** Milliseconds until messages are handled once the network is back. */
  readonly backWithin: number;
  readonly tearDown: (service: string) => Promise<unknown>;
}

const contractOf = (kind: SilentNetwork['kind'], service: string) => {
  const schema = z.object({ key: z.string(), n: z.int() });
  if (kind === 'command') return command(`${service}.do`, schema, { key: 'key' });
  if (kind === 'event') return event(`${service}.was-done`, schema, { key: 'key' });
  return broadcast(`${service}.was-seen`, schema);
};

/**
 * Everything that goes over the network is lost for a while, without a sign, new connections
 * included.
 */
export function silentNetworkSuite(network: SilentNetwork): void {
  const { technology, kind, toldWithin, backWithin } = network;
  const service = `t${randomBytes(4).toString('hex')}`;
  const contract = contractOf(kind, service);
  const databases = new MemoryDatabases();
  const begun = new Recorder<number>();
  const [silent, lostHandling] = [new Gate(), 2];
  let road: TcpProxy;
  let instance: Instance;

  const handle = async ({ n }: Job, context: HandlerContext<object>) => {
    begun.note(n);
    if (n === lostHandling) await silent.opened;
    const record = (tx: object) => databases.record(service, tx, String(n));
    if (kind === 'broadcast') await context.transaction(async (tx) => record(tx));
    else record(context.tx);
  };
  const effects = (n: number) =>
    databases.effects(service).filter((effect) => effect === String(n)).length;

  const setUp = async () => {
    road = await TcpProxy.to(network.url, network.port);
    const url = new URL(road.along(network.url));
    for (const [name, value] of Object.entries(network.options ?? {}))
      url.searchParams.set(name, value);
    const place = {
      options: {
        urls: { [`${kind}s`]: url.href },
        technologies: [technology],
        store: databases.linked(service, new FaultyLink()),
      },
      kill: () => road.down(),
      alive: () => road.connections > 0,
      close: () => road.close(),
    };
    instance = await Instance.start(service, `${service}-1`, place, [handler(contract, handle)]);
  };

  const publish = (n: number) => say(instance, contract, { key: 'k', n });
  const isPublished = (n: number) =>
    publish(n).then(
      () => true,
      () => false,
    );
  const isState = async (state: string) =>
    (await instance.messaging.introspection.health()).intakes.every(
      (intake) => intake.state === state,
    );

  describe(`${kind}s over ${technology.name}`, () => {
    beforeAll(setUp, 60_000);
    afterAll(async () => {
      silent.open();
      await instance.stop();
      await network.tearDown(service);
    }, 60_000);

    it(
      'a network that loses everything is told, ends what is published, and is forgotten when it is back; what was being handled takes effect once',
      async () => {
        await publish(1);
        await eventually(() => effects(1) > 0, 'the first to be handled');
        await publish(lostHandling);
        await begun.reach(2);

        expect(road.silence()).toBeGreaterThan(0);
        silent.open();
        const [since, unpublished] = [performance.now(), publish(3)];
        const ended = unpublished.then(
          () => 'well',
          () => performance.now() - since,
        );
        await eventually(() => isState('disconnected'), 'readiness to tell', toldWithin);
        expect(await ended).toBeLessThan(PUBLISHED_WITHIN_MS);

        road.up();
        await eventually(() => isState('consuming'), 'readiness to be well again', backWithin);
        await eventually(() => isPublished(4), 'something to be published again', backWithin);
        await eventually(() => effects(4) > 0, 'it to be handled', backWithin);
        expect(effects(lostHandling)).toBe(1);
      },
      2 * (toldWithin + PUBLISHED_WITHIN_MS + 3 * backWithin),
    );
  });
}
