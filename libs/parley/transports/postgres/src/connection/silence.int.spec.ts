import { randomBytes } from 'node:crypto';
import { Controller, type Type } from '@nestjs/common';
import { command } from '@parley/contract';
import { type HandlerContext, Handles } from '@parley/messaging';
import { eventually, Gate, Instance, Recorder, TcpProxy } from '@parley/conformance';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { POOL, postgresFixture } from '../conformance.fixture';
import { openSession } from './session';

jest.setTimeout(90_000);

const Job = z.object({ key: z.string() });
type Job = z.infer<typeof Job>;
/** As many as an instance handles at a time, and more than the connections of its pool. */
const COUNT = 10;
/** Milliseconds until a new message is handled, at most. */
const NEWS_WITHIN = 15_000;
/** Until all is handled: the timeout of a handling and a lease. */
const ALL_WITHIN = 60_000;

describe.each(['own database', 'another database'] as const)(
  'a network that loses open connections without a sign, PostgreSQL, %s',
  (where) => {
    const fixture = postgresFixture(where);
    const instances: Instance[] = [];

    beforeAll(() => fixture.setUp!(), 60_000);
    afterEach(async () => {
      for (const instance of instances.splice(0)) await instance.stop();
    });
    afterAll(() => fixture.tearDown!(), 60_000);

    async function start(
      service: string,
      name: string,
      controllers: readonly Type[],
    ): Promise<Instance> {
      const instance = await Instance.start(
        service,
        name,
        await fixture.open(service),
        controllers,
      );
      instances.push(instance);
      return instance;
    }

    it.each(['alone', 'beside another instance'])('harms nothing for long: %s', async (company) => {
      const service = `t${randomBytes(4).toString('hex')}`;
      await fixture.admit!(service);
      const Do = command(`${service}.do`, Job, { key: 'key' });
      const begun = new Recorder<string>();
      const silent = new Gate();
      const controller = (waits: boolean) => {
        @Controller()
        class JobController {
          @Handles(Do)
          async do({ key }: Job, { tx }: HandlerContext<EntityManager>) {
            await tx.query('select 1');
            begun.note(key);
            if (waits) await silent.opened;
            await fixture.record(service, tx, key);
          }
        }
        return JobController;
      };
      const struck = await start(service, 'struck', [controller(true)]);
      const keys = Array.from({ length: COUNT }, (_, n) => `k${n}`);
      for (const key of keys) await struck.messenger.send(Do, { key });
      await begun.reach(POOL);
      const sender =
        company === 'alone' ? undefined : await start(service, 'well', [controller(false)]);

      const reasons = new Set<string>();
      const look = setInterval(() => {
        for (const { state, reason } of struck.messaging.introspection.consumerHealth().intakes)
          if (state === 'disconnected') reasons.add(String(reason));
      }, 20);

      expect(struck.place.swallow!()).toBeGreaterThan(POOL);
      const since = performance.now();
      silent.open();
      // Alone, even the sending connection may be lost: the message is sent until it is stored.
      await eventually(
        () =>
          (sender ?? struck).messenger.send(Do, { key: 'news' }, { idempotencyKey: 'news' }).then(
            () => true,
            () => false,
          ),
        'it to be said',
        NEWS_WITHIN,
      );
      await eventually(
        async () => (await fixture.effects(service)).includes('news'),
        'the news to be handled',
        NEWS_WITHIN - (performance.now() - since),
      );
      await eventually(
        async () => (await fixture.effects(service)).length > COUNT,
        'everything to be handled',
        ALL_WITHIN - (performance.now() - since),
      );

      // The other instance may have handled everything before this one knows why it stands still.
      await eventually(
        () => reasons.size > 0,
        'readiness to name it',
        ALL_WITHIN - (performance.now() - since),
      );
      clearInterval(look);
      expect([...(await fixture.effects(service))].sort()).toEqual([...keys, 'news'].sort());
      expect(await (sender ?? struck).deadLetters()).toEqual([]);
    });
  },
);

describe('a statement that only takes long', () => {
  it('is left alone', async () => {
    const client = await openSession(
      { connectionString: process.env['PARLEY_TEST_POSTGRES'] },
      {},
      (client) => client.on('error', () => undefined),
    );
    const { rows } = await client.query('select 1 as done from pg_sleep(6)');
    expect(rows).toEqual([{ done: 1 }]);
    await client.end();
  });

  it('ends at its statement_timeout, which its URL may set', async () => {
    const url = new URL(process.env['PARLEY_TEST_POSTGRES']!);
    url.searchParams.set('statement_timeout', '300');
    const client = await openSession({ connectionString: url.href }, {}, (client) =>
      client.on('error', () => undefined),
    );
    await expect(client.query('select pg_sleep(60)')).rejects.toThrow('statement timeout');
    await client.end();
  });
});

describe('a session that the network has lost', () => {
  it('is ended at the server, too, so that its locks are free', async () => {
    const road = await TcpProxy.to(process.env['PARLEY_TEST_POSTGRES']!, 5432);
    const lost = await openSession(
      { connectionString: road.along(process.env['PARLEY_TEST_POSTGRES']!) },
      {},
      (client) => client.on('error', () => undefined),
    );
    await lost.query('select pg_advisory_lock(77001)');
    road.swallow();
    await expect(lost.query('select 1')).rejects.toThrow(
      /PostgreSQL has not answered for \d s, and the server does not work on it/,
    );
    const other = new Client({ connectionString: process.env['PARLEY_TEST_POSTGRES'] });
    await other.connect();
    await eventually(
      async () =>
        (await other.query<{ free: boolean }>('select pg_try_advisory_lock(77001) free')).rows[0]!
          .free,
      'the lock to be free',
      5_000,
    );
    await other.end();
    await road.close();
  });
});
