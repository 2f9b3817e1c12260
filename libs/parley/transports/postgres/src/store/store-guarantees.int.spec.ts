import { randomUUID } from 'node:crypto';
import {
  AlreadyHandledError,
  systemClock,
  type Deliver,
  type Failure,
  type ParkedMessage,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import { Client } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { Database } from '../connection/database';
import { connectionTo } from '../address';
import { laneOf } from '../cloudevents';
import { PostgresStore } from './store';
import { fence, RolledBackError } from './transaction';
import { TrialDatabase } from '../trial-database.fixture';
import { until } from '../queue/worker.fixture';

jest.setTimeout(60_000);

let database: TrialDatabase;
let dataSource: DataSource;
let store: PostgresStore;

/**
 * Number of messages that met a lane about to be released, each at another moment, however long the
 * machine takes.
 */
const ENOUGH = 30;
const SUBSCRIPTION = 'inventory.read-model';
const subscription: RegisteredSubscription = {
  kind: 'event',
  name: SUBSCRIPTION,
  handlers: new Map(),
  concurrency: 4,
  from: 'beginning',
  live: false,
};
const failure: Failure = {
  error: 'Error',
  message: 'no luck',
  stack: '',
  tries: 1,
  instance: 'trial',
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  lastFailedAt: '2026-01-01T00:00:00.000Z',
};
const message = (n: number, key = 'k'): ParkedMessage => ({
  subscription: SUBSCRIPTION,
  key,
  headers: { id: randomUUID(), n: String(n) },
  body: Buffer.from('{}'),
});
const insert = (tx: object, n: number) =>
  (tx as EntityManager).query('insert into public.effect (n) values ($1)', [n]);
const numbers = async () =>
  (
    await database.admin.query<{ n: number }>('select n from public.effect order by number')
  ).rows.map(({ n }) => n);
/** Until so many transactions wait for a lock. */
const untilWaiting = (count: number) =>
  until(async () => {
    const waiting = `select from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`;
    return (await database.admin.query(waiting, [database.name])).rowCount === count;
  });

beforeAll(async () => {
  database = await TrialDatabase.create(['inventory', 'orders']);
});
beforeEach(async () => {
  await database.empty();
  dataSource = database.dataSource('inventory', 'inventory');
  store = new PostgresStore(dataSource, { service: 'inventory' });
  await store.connect();
});
afterEach(async () => {
  await store.close();
  await dataSource.destroy();
});
afterAll(() => database.drop());

describe('a lane', () => {
  it('loses no message to its release, and keeps the order, however the two fall together', async () => {
    const handled: number[] = [];
    const deliver: Deliver = async ({ headers, acknowledgeInTransaction: settle }) => {
      await store.transaction(async (tx) => insert(tx, Number(headers.n)), settle);
      handled.push(Number(headers.n));
      return { kind: 'done', settled: true };
    };
    await store.lanes.deliver([subscription], deliver).start();
    let diverted = 0;
    for (let n = 0; diverted < ENOUGH;) {
      await store.lanes.park(undefined, message(n++), { after: 0, failure });
      // As the pipeline does: park while the lane is parked, else handle. Each message meets the
      // release at another moment.
      while (await store.lanes.parkIfLaneBlocked(undefined, message(n))) {
        n++;
        diverted++;
        await new Promise((resolve) => setTimeout(resolve, (n * 7) % 11));
      }
      await insert(dataSource.manager, n);
      handled.push(n++);
    }
    await until(
      async () =>
        (await numbers()).length === handled.length &&
        (await store.lanes.parked(SUBSCRIPTION)).size === 0,
    );
    expect(await numbers()).toEqual(Array.from({ length: handled.length }, (_, n) => n));
    expect((await database.admin.query('select from parley.parked')).rowCount).toBe(0);
  });

  it('waits for a diverting transaction before it is released', async () => {
    const queue = (
      await database.admin.query<{ q: number }>('select parley.open_queue($1) q', [SUBSCRIPTION])
    ).rows[0]!.q;
    await store.lanes.park(undefined, message(0), { after: 0, failure });
    const { rows } = await database.admin
      .query<{ lane: string; id: string }>(
        `select * from parley.claim($1, '{}', 7, 0, 1, 1, '1 min')`,
        [queue],
      )
      .then(async (none) =>
        none.rows.length > 0
          ? none
          : database.admin.query(
              `select * from parley.claim($1, '{}', 7, -9223372036854775808, 1, 1, '1 min')`,
              [queue],
            ),
      );
    const { lane, id } = rows[0]!;
    await database.admin.query('select parley.settle($1, $2, $3, 7)', [queue, lane, id]);
    let released!: Promise<unknown>;
    await store.transaction(async (tx) => {
      expect(await store.lanes.parkIfLaneBlocked(tx, message(1))).toBe(true);
      released = database.admin.query(
        'select * from parley.claim($1, array[$2]::bigint[], 7, 0, 0, 1, $3)',
        [queue, lane, '1 min'],
      );
      await untilWaiting(1);
    });
    await released;
    expect((await database.admin.query('select token, parked from parley.lane')).rows).toEqual([
      { token: '0', parked: true },
    ]);
  });

  it('is not stuck when its dead letter is discarded while a message joins it', async () => {
    const handled: string[] = [];
    const deliver: Deliver = async ({ headers, acknowledgeInTransaction: settle }) => {
      await store.transaction(async () => undefined, settle);
      handled.push(headers.n!);
      return { kind: 'done', settled: true };
    };
    await store.lanes.deliver([subscription], deliver).start();
    let diverted = 0;
    for (let n = 0; n < 40; n++) {
      await store.lanes.deadLetter(undefined, message(-1, `k-${n}`), failure, true);
      const [letter] = await store.lanes.deadLetters.list();
      const [joined] = await Promise.all([
        store.lanes.parkIfLaneBlocked(undefined, message(n, `k-${n}`)),
        store.lanes.deadLetters.discard(letter!.id, { who: 'ada' }),
      ]);
      if (joined) diverted++;
    }
    await until(
      async () =>
        handled.length === diverted && (await store.lanes.parked(SUBSCRIPTION)).size === 0,
    );
    expect((await database.admin.query('select from parley.parked')).rowCount).toBe(0);
    expect(
      (await database.admin.query(`select from parley.lane where until = 'infinity'`)).rowCount,
    ).toBe(0);
  });

  it('does not deadlock two batches that meet it and another one in opposite order', async () => {
    const [low, middle, high] = ['a', 'b', 'c'].sort((a, b) =>
      BigInt(laneOf(a)) < BigInt(laneOf(b)) ? -1 : 1,
    ) as [string, string, string];
    // Indexes find these lanes by number or by time, from low to high; in the table they lie from
    // high to low.
    for (const [minutes, key] of [
      [3, high],
      [2, middle],
      [1, low],
    ] as const)
      await store.lanes.park(undefined, message(0, key), { after: minutes * 60_000, failure });
    const isBlocked = (keys: readonly string[], without: string) =>
      store.transaction(async (tx) => {
        await (tx as EntityManager).query(`set local ${without} = off`);
        return store.lanes.isAnyBlocked(
          tx,
          keys.map((key) => message(1, key)),
        );
      });
    let both!: Promise<boolean[]>;
    await store.transaction(async (tx) => {
      await store.lanes.parkIfLaneBlocked(tx, message(1, middle));
      const first = isBlocked([low, middle, high], 'enable_bitmapscan');
      await untilWaiting(1); // has the low lane
      const second = isBlocked([high, low], 'enable_indexscan');
      await untilWaiting(2);
      both = Promise.all([first, second]);
    });
    expect(await both).toEqual([true, true]);
  });

  it('of a key with NUL and half a surrogate is found again', async () => {
    const key = 'a\0\ud800';
    await store.lanes.park(undefined, message(0, key), { after: 60_000, failure });
    expect(await store.lanes.parkIfLaneBlocked(undefined, message(1, key))).toBe(true);
    expect([...(await store.lanes.parked(SUBSCRIPTION))]).toEqual([key]);
  });
});

describe('a transaction', () => {
  it('commits nothing when the statement behind which COMMIT was sent fails', async () => {
    const work = store.transaction(
      (tx) => insert(tx, 1),
      (tx) => fence(tx, { name: 'failing', text: 'select parley.settle(1, 1, 1, 1)' }, []),
    );
    await expect(work).rejects.toThrow('lost');
    expect(await numbers()).toEqual([]);
  });

  it('says so when PostgreSQL rolled it back because an error was swallowed', async () => {
    const work = store.transaction(async (tx) => {
      await insert(tx, 1);
      await (tx as EntityManager).query('select 1 / 0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow(RolledBackError);
    expect(await numbers()).toEqual([]);
  });

  it('waits for a last statement that decides after its answer', async () => {
    const id = randomUUID();
    const once = () =>
      store.transaction(
        (tx) => insert(tx, 1),
        async (tx) => {
          if (!(await store.inbox.record(tx, 'inventory', id))) throw new AlreadyHandledError(id);
        },
      );
    await once();
    await expect(once()).rejects.toThrow(AlreadyHandledError);
    expect(await numbers()).toEqual([1]);
  });

  it('lets repositories join and nests by savepoints', async () => {
    await store.transaction(async (tx) => {
      const manager = tx as EntityManager;
      await insert(tx, 1);
      await manager
        .transaction(
          async (inner) => void (await insert(inner, 2), await Promise.reject(new Error('inner'))),
        )
        .catch(() => undefined);
      await manager.transaction((inner) => insert(inner, 3));
    });
    expect(await numbers()).toEqual([1, 3]);
  });

  it('is ended when nobody drives it any more', async () => {
    const limits = await store.transaction((tx) =>
      (tx as EntityManager).query('show idle_in_transaction_session_timeout'),
    );
    expect(limits).toEqual([{ idle_in_transaction_session_timeout: '25s' }]);
  });

  it('leaves a usable connection behind after its own was cut', async () => {
    const cut = `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'inventory' and state = 'idle in transaction'`;
    const work = store.transaction(async (tx) => {
      await insert(tx, 1);
      await database.admin.query(cut, [database.name]);
      await insert(tx, 2);
    });
    await expect(work).rejects.toThrow();
    await store.transaction((tx) => insert(tx, 3));
    expect(await numbers()).toEqual([3]);
  });
});

describe('the relay of an outbox', () => {
  it('hands over when the connection of its leader is lost', async () => {
    const term = await store.outbox.lead();
    await database.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid in (select pid from pg_locks where locktype = 'advisory')`,
      [database.name],
    );
    await until(() => term!.lost.aborted);
    const next = await store.outbox.lead();
    expect(next).toBeDefined();
    await next!.release();
  });
});

describe('a role', () => {
  const as = async (service: string, sql: string) => {
    const client = new Client({ connectionString: database.url(service) });
    await client.connect();
    return client.query(sql).finally(() => client.end());
  };
  const claim = (queue: string) =>
    `select * from parley.claim((select parley.open_queue('${queue}')), '{}', 5, 0, 1, 1, '1 s')`;

  it('may consume only what is its own', async () => {
    await as('inventory', claim('inventory'));
    const { rows } = await database.admin.query<{ id: number }>(
      `select id from parley.queue where name = 'inventory'`,
    );
    await expect(
      as('orders', `select * from parley.claim(${rows[0]!.id}, '{}', 5, 0, 1, 1, '1 s')`),
    ).rejects.toThrow('may not act for the service inventory');
    await expect(as('orders', claim('inventory'))).rejects.toThrow(
      'may not act for the service inventory',
    );
    await expect(as('orders', claim('inventory.read-model'))).rejects.toThrow(
      'may not act for the service inventory',
    );
  });

  it('may not look into the outbox or the dead letters of others', async () => {
    await expect(as('orders', `select * from parley.outbox_due('inventory', 10)`)).rejects.toThrow(
      'may not act',
    );
    await expect(
      as(
        'orders',
        `select * from parley.dead_letters('inventory', null, null, null, null, null, null, null, 10, false)`,
      ),
    ).rejects.toThrow('may not act');
    await expect(as('orders', `select parley.replay('inventory', 1, 'me', null)`)).rejects.toThrow(
      'may not act',
    );
    await expect(
      as('orders', `select parley.edit_letter('inventory', 1, '{}', null, true, 'me', null)`),
    ).rejects.toThrow('may not act');
    await expect(
      as('orders', `select parley.discard_letter('inventory', 1, 'me', null)`),
    ).rejects.toThrow('may not act');
    await expect(
      as('orders', `select * from parley.audit_entries('inventory', null, null, 10)`),
    ).rejects.toThrow('may not act');
  });

  it('may send to any queue that there is', async () => {
    const send = (queue: string) =>
      `select parley.send('{${queue}}', '{null}', array[gen_random_uuid()], '{x}', '{x}', '{null}')`;
    await as('orders', send('inventory'));
    await expect(as('orders', send('nobody'))).rejects.toThrow('there is no queue nobody');
    const before = await database.admin.query('select count(*) n from parley.message');
    await expect(
      as(
        'orders',
        `select parley.send('{inventory,nobody}', '{null,null}', array[gen_random_uuid(),gen_random_uuid()], '{x,x}', '{x,x}', '{null,null}')`,
      ),
    ).rejects.toThrow('there is no queue nobody');
    expect((await database.admin.query('select count(*) n from parley.message')).rows).toEqual(
      before.rows,
    );
  });

  it('may not acknowledge, retry or bury what it did not lease', async () => {
    const { rows } = await database.admin.query<{ id: number }>(
      `select id from parley.queue where name = 'inventory'`,
    );
    const queue = rows[0]!.id;
    await as(
      'orders',
      `select parley.send('{inventory}', '{-5}', array[gen_random_uuid()], '{x}', '{x}', '{null}')`,
    );
    const leased = await as(
      'inventory',
      `select lane, id from parley.claim(${queue}, '{}', 77, -9223372036854775808, 2, 1, '1 min')`,
    );
    const { lane, id } = leased.rows[0] as { lane: string; id: string };
    for (const token of [0, 78]) {
      for (const guess of [
        `settle(${queue}, ${lane}, ${id}, ${token})`,
        `settle_all(${queue}, '{${lane}}', '{${id}}', ${token}, '{null}')`,
      ])
        await expect(as('orders', `select parley.${guess}`)).rejects.toThrow('lost');
      for (const guess of [
        `discard(${queue}, ${lane}, ${id}, ${token})`,
        `retry(${queue}, ${lane}, ${id}, ${token}, 1, 0, '')`,
        `bury(${queue}, ${lane}, ${id}, ${token}, 1, '', false)`,
      ]) {
        expect((await as('orders', `select parley.${guess} ours`)).rows).toEqual([{ ours: false }]);
      }
    }
    await as('inventory', `select parley.settle(${queue}, ${lane}, ${id}, 77)`);
  });

  it('may not touch a table', async () => {
    for (const table of [
      'message',
      'lane',
      'parked',
      'dead',
      'audit',
      'outbox',
      'inbox',
      'service',
    ]) {
      await expect(as('inventory', `select * from parley.${table}`)).rejects.toThrow(
        'permission denied',
      );
    }
  });

  it('that nobody registered may do nothing', async () => {
    await database.admin.query(
      `create role ${database.name}_stranger login password 'trial'; grant usage on schema parley to ${database.name}_stranger`,
    );
    await expect(as('stranger', 'select parley.installation_id()')).rejects.toThrow(
      'permission denied',
    );
    await database.admin.query(
      `drop owned by ${database.name}_stranger; drop role ${database.name}_stranger`,
    );
  });
});

describe('installing', () => {
  it('again, by several at once, changes nothing', async () => {
    const before = await store.installation();
    await Promise.all([database.install(), database.install()]);
    expect((await database.admin.query('select id from parley.installation')).rows).toEqual([
      { id: before },
    ]);
  });

  it('tells the causes of letters that died before causes were kept, and which of them hold their lanes', async () => {
    await store.lanes.deadLetter(
      undefined,
      message(1),
      { ...failure, message: 'no luck with 3f2504e0-4f89-41d3-9a0c-0305e82c3301\nat all' },
      true,
    );
    await store.lanes.deadLetter(
      undefined,
      message(2, 'other'),
      { ...failure, message: '\0' },
      false,
    );
    const now = await store.lanes.deadLetters.list();
    await database.admin.query(`
      drop trigger find_cause on parley.dead; drop function parley.find_cause; drop table parley.audit; drop index parley.dead_that_holds;
      drop function parley.with_cause, parley.write_down, parley.open_lane, parley.put_back;
      alter table parley.dead drop contract, drop error, drop cause, drop grouped, drop holds, drop edits;
      delete from parley.script where name = '04-dead-letters.sql'`);
    await database.install();
    expect(await store.lanes.deadLetters.list()).toEqual(now);
    expect(now.map(({ holds }) => holds)).toEqual([true, false]);
    expect(await store.lanes.deadLetters.groups()).toMatchObject([
      { cause: 'no luck with …', contract: '' },
      { cause: '' },
    ]);
  });

  it('again after a change of its functions keeps what is there', async () => {
    await store.lanes.deadLetter(undefined, message(1), failure, true);
    await database.admin.query(`update parley.script set checksum = 'of an earlier version'`);
    await database.install();
    expect(
      await store.lanes.deadLetters.discard((await store.lanes.deadLetters.list())[0]!.id, {
        who: 'ada',
        reason: 'x',
      }),
    ).toBe(true);
    expect(await store.lanes.deadLetters.audit()).toMatchObject([
      { who: 'ada', action: 'discard' },
    ]);
  });

  it('is asked for in one sentence where it is missing', async () => {
    const elsewhere = Database.open(
      connectionTo(process.env.PARLEY_TEST_POSTGRES!.replace(/\/[^/]*$/, '/template1')),
      { clock: systemClock, log: () => undefined },
    );
    await expect(elsewhere.installation()).rejects.toThrow('run install()');
    await elsewhere.close();
  });
});

describe('what is confirmed', () => {
  /**
   * A crash of the server undoes them, and every process continues from there: a lease is taken
   * again, a message is published again.
   */
  const MAY_BE_LOST = [
    'advance_events',
    'advance_shards',
    'claim',
    'claim_suspect',
    'lease_events',
    'lease_shards',
    'remove_from_outbox',
    'renew',
    'ring',
    'sequence_events',
    'sweep',
    'wake',
  ];

  it('is on the disk: no other function lets a commit be lost', async () => {
    const { rows } = await database.admin.query<{ name: string }>(
      `select proname name from pg_proc where pronamespace = 'parley'::regnamespace and (prosrc ~ 'synchronous_commit' or proconfig::text ~ 'synchronous_commit')`,
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(MAY_BE_LOST);
  });

  it('is on the disk: the transaction of a handling is not told otherwise, by whatever it does', async () => {
    const settings: string[] = [];
    const look = async (tx: object) => {
      const [found] = (await (tx as EntityManager).query(
        `select current_setting('synchronous_commit') setting`,
      )) as { setting: string }[];
      settings.push(found!.setting);
    };
    await store.transaction(
      async (tx) => {
        await look(tx);
        await store.lanes.park(tx, message(1), { after: 60_000, failure });
        await store.lanes.parkIfLaneBlocked(tx, message(2));
        await store.lanes.deadLetter(tx, message(3, 'other'), failure, true);
        await look(tx);
      },
      async (tx) => {
        await store.inbox.record(tx, SUBSCRIPTION, randomUUID());
        await look(tx);
      },
    );
    expect(settings).toEqual(['on', 'on', 'on']);
  });
});
