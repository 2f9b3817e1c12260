import { eventuallyPasses } from '@parley/conformance';
import type { PoolClient } from 'pg';
import { LeaseLostError } from '@parley/messaging/transport';
import { appendEvents, partOf, publishEvents } from './log-append';
import { LogReader } from './log-reader';
import {
  callerOf,
  type Effect,
  type Handling,
  inOneTransaction,
  Instance,
  LogDatabase,
  OrderPaid,
  OrderPlaced,
  placed,
  message,
  Seen,
} from './log.fixture';
import { until } from '../queue/worker.fixture';

jest.setTimeout(60_000);

let database: LogDatabase;
const instances: Instance[] = [];

beforeAll(async () => {
  database = await LogDatabase.create(['orders', 'insights', 'stranger']);
});
afterEach(async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.close().catch(() => {})));
  await database.admin.query('truncate effect');
});
afterAll(() => database.drop());

const orders = () => (publisher ??= database.pool('orders', 'publisher', 20));
let publisher: ReturnType<LogDatabase['pool']> | undefined;
const sequence = async () =>
  Number((await orders().query('select parley.sequence_events() n')).rows[0].n);
const publish = async (...messages: Parameters<typeof publishEvents>[1]) => {
  await publishEvents(callerOf(orders()), messages);
  await sequence();
};

/** Committed effects, and a notification of each. */
function effects(options: { of?: string } = {}) {
  const seen = new Seen<Effect>();
  const handling: Handling = async (delivery, instance) => {
    const outcome = await inOneTransaction(delivery, instance);
    const { id, partitionkey } = delivery.headers;
    const { n } = JSON.parse(delivery.body.toString()) as { n: number };
    if (outcome.kind === 'done' && outcome.settled)
      seen.add({ instance: instance.name, id: id!, key: partitionkey!, n });
    return outcome;
  };
  const stored = async () =>
    (
      await database.admin.query(
        'select * from effect where subscription = coalesce($1, subscription) order by number',
        [options.of],
      )
    ).rows as Effect[];
  return { seen, handling, stored };
}

function instance(
  ...parameters: [string, string, Handling, ConstructorParameters<typeof Instance>[5]?]
): Instance {
  const [name, subscription, handling, options] = parameters;
  const made = new Instance(database, name, 'insights', subscription, handling, options);
  instances.push(made);
  return made;
}

/** Per key the numbers in the order of their effects. */
function perKey(all: readonly Effect[]): Map<string, number[]> {
  const keys = new Map<string, number[]>();
  for (const { key, n } of all) keys.set(key, [...(keys.get(key) ?? []), n]);
  return keys;
}
const ascending = (count: number) => Array.from({ length: count }, (_, n) => n);

/**
 * Publishes `count` numbers for each key, those of one key one after the other, with as many
 * writers as keys.
 */
async function publishNumbers(keys: readonly string[], count: number): Promise<void> {
  const write = async (key: string) => {
    for (const n of ascending(count)) await publishEvents(callerOf(orders()), [placed(key, n)]);
    await sequence();
  };
  await Promise.all(keys.map(write));
}

async function offsets(): Promise<Map<number, { first: number; last: number; ids: string[] }[]>> {
  const { rows } = await database.admin.query(
    'select part, first::int, last::int, ids from parley.event_batch order by part, last',
  );
  const parts = new Map<number, { first: number; last: number; ids: string[] }[]>();
  for (const row of rows) parts.set(row.part, [...(parts.get(row.part) ?? []), row]);
  return parts;
}

async function inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await orders().connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } finally {
    client.release();
  }
}

describe('the event log', () => {
  it('numbers the events of concurrent writers without gaps while a transaction that wrote stays open', async () => {
    const client = await orders().connect();
    await client.query('begin');
    await appendEvents(client, [placed('slow', 0)]);
    const keys = ascending(12).map((n) => `writer-${n}`);
    await publishNumbers(keys, 8);
    const before = await offsets();
    expect([...before.values()].flat().reduce((sum, { ids }) => sum + ids.length, 0)).toBe(12 * 8);
    await client.query('commit');
    client.release();
    expect(await sequence()).toBe(1);
    expect(await sequence()).toBe(0);
    const all = await offsets();
    for (const batches of all.values()) {
      let next = 0;
      for (const { first, last, ids } of batches) {
        expect(first).toBe(next);
        expect(last - first + 1).toBe(ids.length);
        next = last + 1;
      }
    }
    const ids = [...all.values()].flat().flatMap((batch) => batch.ids);
    expect(new Set(ids).size).toBe(12 * 8 + 1);
  });

  it('stores nothing of a transaction that is rolled back', async () => {
    const failing = inTransaction(async (client) => {
      await appendEvents(client, [placed('undone', 0)]);
      await client.query('rollback');
    });
    await failing;
    expect(await sequence()).toBe(0);
  });

  it('stores an event for whose day there is no table', async () => {
    const { rows } = await database.admin.query<{ relname: string }>(
      `select relname from pg_class where relname ~ '^event(_batch)?_\\d{8}$' and relkind = 'r'`,
    );
    for (const { relname } of rows)
      await database.admin.query(
        `alter table parley.${relname.replace(/_\d+$/, '')} detach partition parley.${relname}`,
      );
    await publish(placed('homeless', 1));
    expect((await database.admin.query(`select key from parley.event_default`)).rows).toEqual([
      { key: 'homeless' },
    ]);
    await database.admin.query(
      'delete from parley.event_default; delete from parley.event_batch_default',
    );
    for (const { relname } of rows) {
      const day = `to_date(right('${relname}', 8), 'YYYYMMDD')`;
      const [parent] = relname.split(/_\d+$/);
      await database.admin
        .query(`do $$ begin execute format('alter table parley.%I attach partition parley.%I for values from (%L) to (%L)',
        '${parent}', '${relname}', ${day}, ${day} + 1); end $$`);
    }
  });

  it('drops days past their time when the owner of the installation says so, never by itself', async () => {
    await publish(placed('old', 1));
    await database.admin.query(
      'create table parley.event_20200101 (like parley.event including defaults including constraints)',
    );
    await database.admin.query(
      `alter table parley.event attach partition parley.event_20200101 for values from ('2020-01-01') to ('2020-01-02')`,
    );
    await database.admin.query('select parley.keep_event_days()');
    expect(
      (await database.admin.query(`select to_regclass('parley.event_20200101') is not null there`))
        .rows,
    ).toEqual([{ there: true }]);
    await database.admin.query('select parley.keep_event_days(keep => 30)');
    expect(
      (await database.admin.query(`select to_regclass('parley.event_20200101') is not null there`))
        .rows,
    ).toEqual([{ there: false }]);
    expect(
      (await database.admin.query(`select from parley.event where key = 'old'`)).rowCount,
    ).toBe(1);
  });

  it('keeps what a subscription has not read, and says for whom, until it is told to drop that, too', async () => {
    await publish(placed('read', 1));
    await database.admin.query('select parley.sequence_events()');
    await database
      .pool('insights')
      .query(`select parley.subscribe_events('insights.late', 'beginning')`);
    // Its only event is of long ago; so is the batch that has it.
    for (const table of ['event', 'event_batch']) {
      await database.admin.query(
        `create table parley.${table}_20200101 (like parley.${table} including defaults including constraints)`,
      );
      await database.admin.query(
        `alter table parley.${table} attach partition parley.${table}_20200101 for values from ('2020-01-01') to ('2020-01-02')`,
      );
    }
    const { rows } = await database.admin.query<{ id: string }>(
      `update parley.event set day = '2020-01-01' where key = 'read' returning id`,
    );
    await database.admin.query(
      `update parley.event_batch set day = '2020-01-01', made = '2020-01-01' where $1 = any(ids)`,
      [rows[0]!.id],
    );
    const sent = async (how: string) =>
      (await database.admin.query<{ sent: string }>(`select parley.keep_event_days(${how}) sent`))
        .rows[0]!.sent;
    await database.admin.query(`select parley.keep('log', '30 days')`);
    const isThere = async () =>
      (await database.admin.query(`select from parley.event where key = 'read'`)).rowCount === 1;
    expect(await sent('')).toMatch(
      /^days from 2019-12-31 on stay for .*insights.late.*, which have not read them$/,
    );
    expect(await isThere()).toBe(true);
    expect(await sent('unread => true')).toBe('dropped 2020-01-01');
    expect(await isThere()).toBe(false);
    await database.admin.query(`select parley.keep('log', null)`);
    await expect(
      database.pool('insights').query(`select parley.keep('log', '1 day')`),
    ).rejects.toThrow(/may not keep/);
  });

  it('finds new events after the data moved to a cluster whose transaction ids are lower', async () => {
    await publishEvents(callerOf(orders()), [placed('moved', 0)]);
    await sequence();
    await publishEvents(callerOf(orders()), [placed('moved', 1)]);
    await database.admin.query(
      `update parley.event set xid = (xid::text::bigint + 1000000000)::text::xid8`,
    );
    await database.admin.query(
      `update parley.event_sequencer set cluster = 1, seen = '1000000000:1000000000:'`,
    );
    await database.admin.query('select parley.keep_event_days()');
    expect(await sequence()).toBe(1);
    await publish(placed('moved', 2));
    expect(await sequence()).toBe(0);
  });

  it('does not close a day while a transaction is open that wrote to it', async () => {
    const since = async () =>
      (
        await database.admin.query<{ since: string }>(
          'select since::text from parley.event_sequencer',
        )
      ).rows[0]!.since;
    const keep = () => database.admin.query('select parley.keep_event_days()');
    await database.admin.query(
      `update parley.event_sequencer set since = since - 5, closing = null, closing_xid = null`,
    );
    const before = await since();
    const writer = await orders().connect();
    await writer.query('begin');
    await appendEvents(writer, [placed('late', 0)]);
    await keep(); // notes the next transaction id
    await sequence();
    await keep();
    expect(await since()).toBe(before);
    await writer.query('commit');
    writer.release();
    expect(await sequence()).toBe(1);
    // Transactions of other tests on this database server may be older than the note.
    let n = 0;
    await eventuallyPasses(async () => {
      await publish(placed('closer', n++));
      await keep();
      expect(await since()).not.toBe(before);
    });
  });

  it('refuses events of another owner, and subscriptions of another service', async () => {
    const stranger = database.pool('stranger');
    await expect(publishEvents(callerOf(stranger), [placed('forged', 1)])).rejects.toThrow(
      /may not publish orders.order-placed: only its owner, orders/,
    );
    await expect(
      stranger.query(`select parley.subscribe_events('insights.theirs', 'beginning')`),
    ).rejects.toThrow(/may not read subscription insights.theirs/);
    const own = await database
      .pool('insights', 'own')
      .query(`select parley.subscribe_events('insights.own', 'beginning') id`);
    const calls = [
      'lease_events(array[$1::smallint], $2, $3)',
      'advance_events($1, array[$2::smallint], array[$3::bigint], array[0::bigint])',
    ];
    await expect(
      stranger.query(`select parley.${calls[0]}`, [own.rows[0].id, 'me', '1s']),
    ).rejects.toThrow(/may not read subscription insights.own/);
    await expect(
      stranger.query(`select parley.${calls[1]}`, [own.rows[0].id, 0, 5]),
    ).rejects.toThrow(/may not read subscription insights.own/);
    await expect(stranger.query(`select * from parley.event`)).rejects.toThrow(/permission denied/);
    await expect(stranger.query(`select parley.keep_event_days(keep => 0)`)).rejects.toThrow(
      /may not drop events/,
    );
  });

  it('keeps the partition of a key for good', () => {
    expect(['', 'a', 'order-1', 'ключ'].map(partOf)).toEqual([5, 12, 13, 1]);
  });
});

describe('a subscription', () => {
  it('gives a partition away only when nothing of it is handled any more', async () => {
    const { handling, stored } = effects();
    const running = new Set<string>();
    const twice: string[] = [];
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const begun = { first: 0 };
    const slow: Handling = async (delivery, one) => {
      const key = delivery.headers.partitionkey!;
      if (running.has(key)) twice.push(key);
      running.add(key);
      begun.first++;
      await opened;
      return handling(delivery, one).finally(() => running.delete(key));
    };
    const quick: Handling = async (delivery, one) => {
      if (running.has(delivery.headers.partitionkey!)) twice.push(delivery.headers.partitionkey!);
      return handling(delivery, one);
    };
    const keys = Array.from({ length: 40 }, (_, n) => `given-${n}`);
    await instance('first', 'handed', slow, { from: 'now', concurrency: 64 }).start();
    await publish(...keys.map((key) => placed(key, 0)));
    await until(() => begun.first === keys.length);
    await instance('second', 'handed', quick, { from: 'now' }).start();
    await until(
      async () =>
        (
          await database.admin.query(
            `select from parley.event_member m join parley.event_subscription s on s.id = m.sub where s.name = 'insights.handed'`,
          )
        ).rowCount === 2,
    );
    await publish(...keys.map((key) => placed(key, 1)));
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // more than two leases: partitions given up would be taken by now
    open();
    await until(async () => (await stored()).length === 2 * keys.length);
    expect(twice).toEqual([]);
    for (const numbers of perKey(await stored()).values()) expect(numbers).toEqual([0, 1]);
  });

  it('goes on giving events their places when the time of day is set back', async () => {
    const { seen, handling } = effects();
    const one = await instance('a', 'clock', handling, { from: 'now' }).start();
    for (const [n, off] of [0, -3_600_000].entries()) {
      one.clock.off = off;
      await publishEvents(callerOf(orders()), [placed('clock', n)]);
      one.sequencer.wake();
      await seen.until((all) => all.some((effect) => effect.key === 'clock' && effect.n === n));
    }
  });

  it('handles each event once, in order per key, while instances join and leave', async () => {
    const { seen, handling, stored } = effects();
    const keys = ascending(15).map((n) => `order-${n}`);
    let rounds = 0;
    const publishUntil = async (enough: () => boolean) => {
      do {
        const n = rounds++;
        await Promise.all(keys.map((key) => publish(placed(key, n))));
      } while (!enough());
    };
    const handledBy = (name: string) => () => seen.all.some((effect) => effect.instance === name);
    const [a, b, c] = ['a', 'b', 'c'].map((name) =>
      instance(name, 'joining', handling, { from: 'now' }),
    ) as [Instance, Instance, Instance];
    await a.start();
    await publishUntil(handledBy('a'));
    await b.start();
    await publishUntil(handledBy('b'));
    await c.start();
    await publishUntil(handledBy('c'));
    let gone = false;
    await Promise.all([a.close().then(() => (gone = true)), publishUntil(() => gone)]);
    await publishUntil(() => true);
    await seen.reach(15 * rounds);
    const all = await stored();
    expect(all).toHaveLength(15 * rounds);
    for (const [key, numbers] of perKey(all))
      expect([key, numbers]).toEqual([key, ascending(rounds)]);
  });

  it('is taken over from an instance that crashed: what it did not finish is delivered again, effects happen once', async () => {
    const { seen, handling, stored } = effects();
    const started = new Seen<string>();
    const stuck: Handling = async (delivery, self) => {
      const { n } = JSON.parse(delivery.body.toString()) as { n: number };
      if (n < 3) return handling(delivery, self);
      return inOneTransaction(delivery, self, async (client) => {
        started.add(delivery.headers['id']!);
        await client.query('select pg_sleep(600)'); // until the connection is cut
      });
    };
    const keys = ascending(6).map((n) => `crash-${n}`);
    const dying = await instance('dying', 'crashing', stuck, { from: 'now', ttl: 500 }).start();
    await publishNumbers(keys, 10);
    await started.reach(6);
    await dying.crash();
    await instance('heir', 'crashing', handling, { from: 'now', ttl: 500 }).start();
    await seen.reach(60);
    const all = await stored();
    expect(all).toHaveLength(60);
    for (const numbers of perKey(all).values()) expect(numbers).toEqual(ascending(10));
  });

  it('refuses the acknowledgement of an instance whose lease ran out, and undoes its effect', async () => {
    const { seen, handling, stored } = effects();
    const arrived = new Seen<() => void>();
    const results = new Seen<unknown>();
    const paused: Handling = async (delivery, self) => {
      await new Promise<void>((resolve) => arrived.add(resolve));
      const client = await self.pool.connect();
      try {
        await client.query('begin');
        await client.query(
          `insert into effect (subscription, instance) values ('zombie', 'zombie')`,
        );
        await delivery.acknowledgeInTransaction!(client);
        await client.query('commit');
      } catch (error) {
        results.add(error);
        await client.query('rollback');
      } finally {
        client.release();
      }
      return { kind: 'return' };
    };
    const zombie = await instance('zombie', 'fencing', paused, { from: 'now', ttl: 400 }).start();
    await publish(placed('fenced', 1));
    await arrived.reach(1);
    zombie.clock.stopped = true;
    await instance('heir', 'fencing', handling, { from: 'now', ttl: 400 }).start();
    await seen.reach(1);
    arrived.all[0]!();
    await results.reach(1);
    expect(results.all[0]).toBeInstanceOf(LeaseLostError);
    expect((await stored()).map(({ instance: name }) => name)).toEqual(['heir']);
  });

  /** Acknowledges offsets of a partition that this spec leases. */
  async function held(subscription: string) {
    const pool = database.pool('insights');
    const { rows } = await pool.query<{ sub: number; part: number; pos: string; epoch: string }>(
      `select l.* from parley.subscribe_events($1, 'now') s, parley.lease_events(array[s], 'spec', '1 min') l`,
      [subscription],
    );
    const { sub, part, pos, epoch } = rows[0]!;
    const at = (offset: number) => Number(pos) + offset;
    const settle = (offset: number, lane?: number) =>
      pool.query('select parley.settle_event($1, $2, $3, $4, $5)', [
        sub,
        part,
        at(offset),
        epoch,
        lane,
      ]);
    const settleAll = (events: readonly { offset: number; lane?: number; late?: boolean }[]) =>
      pool.query('select parley.settle_events($1, $2, $3, $4, $5)', [
        sub,
        events.map(() => part),
        events.map(({ offset }) => at(offset)),
        events.map(({ late }) => Number(epoch) - (late ? 1 : 0)),
        events.map(({ lane }) => lane ?? null),
      ]);
    return { settle, settleAll };
  }
  /** Parks a lane of a subscription. */
  const park = (subscription: string, lane: number) =>
    database.admin.query(
      `with q as (insert into parley.queue (name) values ('${subscription}') returning id)
       insert into parley.lane (queue, lane, until, token, attempts, parked) select id, ${lane}, 'infinity', 0, 0, true from q`,
    );

  it('acknowledges an event once', async () => {
    const { settle } = await held('insights.once');
    await settle(0);
    await settle(1);
    await expect(settle(0)).rejects.toMatchObject({ code: 'PY002' });
  });

  it('acknowledges no event of a parked lane', async () => {
    const { settle } = await held('insights.parked');
    await park('insights.parked', -7);
    await expect(settle(0, -7)).rejects.toMatchObject({ code: 'PY003' });
    await settle(0, -8);
  });

  describe('acknowledges the events of a batch together,', () => {
    it('and none when one was handled already', async () => {
      const { settle, settleAll } = await held('insights.batch');
      await settleAll([{ offset: 0 }, { offset: 1 }]);
      await expect(settle(1)).rejects.toMatchObject({ code: 'PY002' });
      await expect(settleAll([{ offset: 2 }, { offset: 1 }])).rejects.toMatchObject({
        code: 'PY002',
      });
      await settle(2);
    });

    it('and none when the lease of one is lost', async () => {
      const { settle, settleAll } = await held('insights.batch-late');
      await expect(settleAll([{ offset: 0 }, { offset: 1, late: true }])).rejects.toMatchObject({
        code: 'PY001',
      });
      await settle(0);
    });

    it('and none when the lane of one is parked', async () => {
      const { settle, settleAll } = await held('insights.batch-parked');
      await park('insights.batch-parked', -7);
      const events = (lane: number) => [
        { offset: 0, lane: -8 },
        { offset: 1, lane },
      ];
      await expect(settleAll(events(-7))).rejects.toMatchObject({ code: 'PY003' });
      await settle(1);
    });
  });

  it('starts at the beginning, now, or at a time, each with a position of its own', async () => {
    await publish(placed('past', 1));
    const { rows } = await database.admin.query<{ at: Date }>(
      `select clock_timestamp() at from pg_sleep(0.01)`,
    );
    await publish(placed('past', 2));
    const wanted = {
      beginning: effects({ of: 'insights.beginning' }),
      time: effects({ of: 'insights.time' }),
      now: effects({ of: 'insights.now' }),
    };
    await instance('first', 'beginning', wanted.beginning.handling, { from: 'beginning' }).start();
    await instance('second', 'time', wanted.time.handling, { from: rows[0]!.at }).start();
    await instance('third', 'now', wanted.now.handling, { from: 'now' }).start();
    await publish(placed('past', 3));
    const past = (all: readonly Effect[]) =>
      all.filter(({ key }) => key === 'past').map(({ n }) => n);
    for (const { seen } of Object.values(wanted)) await seen.until((all) => past(all).includes(3));
    expect(past(wanted.beginning.seen.all)).toEqual([1, 2, 3]);
    expect(past(wanted.time.seen.all)).toEqual([2, 3]);
    expect(past(wanted.now.seen.all)).toEqual([3]);
  });

  it('does not read large events ahead, and brings them whole, in order', async () => {
    const [count, size] = [60, 300_000];
    const { seen, handling } = effects();
    const sizes: number[] = [];
    let before = 0;
    let read = 0;
    const measured: Handling = (delivery, self) => {
      read ||= process.memoryUsage().arrayBuffers - before; // by now half of them are read
      sizes.push(delivery.body.length);
      return handling(delivery, self);
    };
    await instance('left', 'large', measured, { from: 'now' }).start();
    const body = `convert_to(json_build_object('orderId', 'large', 'n', n, 'pad', repeat('x', $2))::text, 'utf8')`;
    await database.admin.query(
      `select parley.append_events(array['orders.order-placed'], array['large'], array[$1]::smallint[],
         array[gen_random_uuid()], array[convert_to(json_build_object('id', gen_random_uuid(), 'partitionkey', 'large')::text, 'utf8')], array[${body}])
       from generate_series(0, ${count - 1}) n`,
      [partOf('large'), size],
    );
    before = process.memoryUsage().arrayBuffers;
    await sequence();
    await seen.reach(count);
    expect(seen.all.map(({ n }) => n)).toEqual(ascending(count));
    expect(Math.min(...sizes)).toBeGreaterThan(size);
    expect(read).toBeLessThan(20 * size);
  });

  it('does not begin with an event whose body came after the stop', async () => {
    const { fetch } = LogReader.prototype;
    const [fetching, arrived] = [new Seen<string>(), effects()];
    let go = () => {};
    const stopped = new Promise<void>((resolve) => (go = resolve));
    const slow = jest.spyOn(LogReader.prototype, 'fetch').mockImplementation(async function (
      this: LogReader,
      partition,
      event,
    ) {
      fetching.add(event.key);
      await stopped;
      return fetch.call(this, partition, event);
    });
    try {
      const begun: string[] = [];
      const noting: Handling = (delivery, self) => (
        begun.push(self.name),
        arrived.handling(delivery, self)
      );
      const left = await instance('left', 'slow-bodies', noting, { from: 'now' }).start();
      await publish(
        message(OrderPlaced, 'late', { orderId: 'late', n: 0, pad: 'x'.repeat(10_000) }),
      );
      await fetching.reach(1);
      await left.intake.stop();
      go();
      await left.close(); // until then half of the partitions are its share
      await instance('right', 'slow-bodies', noting, { from: 'now' }).start();
      await arrived.seen.reach(1);
      expect(begun).toEqual(['right']);
    } finally {
      slow.mockRestore();
    }
  });

  it('can be read from the beginning while another one runs', async () => {
    const running = effects();
    const live = await instance('live', 'running', running.handling, { from: 'now' }).start();
    await publishNumbers(['x', 'y', 'z'], 10);
    const replay = effects();
    const rebuilt = instance('rebuilt', 'rebuilt', replay.handling, { from: 'beginning' });
    const [{ n: total }] = (
      await database.admin.query(
        `select count(*)::int n from parley.event where contract = 'orders.order-placed'`,
      )
    ).rows as [{ n: number }];
    await Promise.all([
      rebuilt.start(),
      publishNumbers(
        ['x', 'y', 'z'].map((key) => `${key}2`),
        10,
      ),
    ]);
    await running.seen.reach(60);
    await replay.seen.reach(total + 30);
    expect(running.seen.all).toHaveLength(60);
    expect(live.intake.health().state).toBe('consuming');
  });

  it('passes over events of contracts it does not handle, and its backlog returns to nothing', async () => {
    const { seen, handling } = effects();
    const only = await instance('only', 'picky', handling, {
      from: 'now',
      contracts: [OrderPaid],
    }).start();
    await publish(
      ...ascending(200).map((n) => placed(`noise-${n}`, n)),
      message(OrderPaid, 'paid', { orderId: 'paid', n: 7 }),
    );
    await seen.reach(1);
    expect(seen.all[0]).toMatchObject({ key: 'paid', n: 7 });
    const backlogs = new Seen<number>();
    const ask = async (): Promise<void> => {
      const [backlog] = await only.intake.backlog();
      backlogs.add(backlog!.waiting);
      if (backlog!.waiting > 0) return ask();
    };
    await ask();
    expect(seen.all).toHaveLength(1);
  });

  it('delivers again what was returned, before later events of its key', async () => {
    const order: string[] = [];
    const { seen, handling } = effects();
    const returning: Handling = async (delivery, self) => {
      const { n } = JSON.parse(delivery.body.toString()) as { n: number };
      order.push(`${delivery.headers['partitionkey']}${n}`);
      if (order.filter((entry) => entry === 'r0').length === 1 && n === 0)
        return { kind: 'return' };
      return handling(delivery, self);
    };
    await instance('returning', 'returning', returning, { from: 'now' }).start();
    await publish(placed('r', 0), placed('r', 1));
    await seen.reach(2);
    expect(order).toEqual(['r0', 'r0', 'r1']);
  });

  it('without a shared database acknowledges by its position alone', async () => {
    const seen = new Seen<boolean>();
    const plain: Handling = async (delivery) => {
      seen.add(delivery.acknowledgeInTransaction === undefined);
      return { kind: 'done', settled: false };
    };
    const first = await instance('plain', 'plain', plain, { from: 'now', settles: false }).start();
    await publish(...ascending(10).map((n) => placed(`plain-${n}`, n)));
    await seen.reach(10);
    await first.close();
    const again = effects();
    await instance('after', 'plain', again.handling, { from: 'now' }).start();
    await publish(placed('plain-last', 1));
    await again.seen.reach(1);
    expect(again.seen.all.map(({ key }) => key)).toEqual(['plain-last']);
    expect(seen.all).not.toContain(false);
  });

  it('goes on after its listening connection was cut', async () => {
    const { seen, handling } = effects();
    await instance('cut', 'cut', handling, { from: 'now' }).start();
    await database.terminate('parley notifications');
    await publish(placed('cut', 1));
    await seen.reach(1);
  });
});

describe('a live tail', () => {
  it('gives every instance what comes from now on, and leaves no trace', async () => {
    await publish(placed('tail', 0));
    const seen = new Seen<{ n: number; name: string }>();
    const tail: Handling = async (delivery, self) => {
      seen.add({ n: (JSON.parse(delivery.body.toString()) as { n: number }).n, name: self.name });
      return { kind: 'done', settled: false };
    };
    for (const name of ['left', 'right'])
      await instance(name, 'tail', tail, { live: true }).start();
    await publish(placed('tail', 1));
    await publish(
      message(OrderPlaced, 'tail', { orderId: 'tail', n: 2, pad: 'x'.repeat(100_000) }),
    ); // too large to be read ahead
    await seen.reach(4);
    for (const name of ['left', 'right'])
      expect(seen.all.filter((one) => one.name === name).map(({ n }) => n)).toEqual([1, 2]);
    expect(
      (
        await database.admin.query(
          `select from parley.event_subscription where name = 'insights.tail'`,
        )
      ).rowCount,
    ).toBe(0);
  });
});
