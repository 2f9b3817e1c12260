import { TemporarySchema } from '@parley/testing';
import { CreateMessages1796040000000 } from '../migrations/1796040000000-create-messages';
import { type Filter, MessageStore } from './message-store';
import type { HandledMessage } from './otlp';
import { Segments } from './segments';
import { span, handledMessage } from './handled-message.fixture';

jest.setTimeout(120_000);

const DAY_MS = 86_400_000;
const MB = 1_048_576;

let database: TemporarySchema;
let segments: Segments;
let store: MessageStore;

beforeAll(async () => {
  database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateMessages1796040000000,
  ]);
});
beforeEach(async () => {
  await query('truncate segment restart identity');
  keeping({ time: DAY_MS, bytes: 64 * MB });
});
afterEach(async () => {
  for (const table of await parts()) await query(`drop table if exists ${table}`);
});
afterAll(() => database.drop());

const query = (sql: string, values?: unknown[]): Promise<unknown> =>
  database.dataSource.query(sql, values);

function keeping(kept: { time: number; bytes: number }): void {
  segments = new Segments(database.dataSource, kept);
  store = new MessageStore(database.dataSource, segments);
}

/** The partitions that are there. */
const parts = async (): Promise<string[]> =>
  (
    (await query(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = any(array['message', 'handling', 'span']::regclass[])`,
    )) as { name: string }[]
  ).map(({ name }) => name);

async function write(...all: readonly HandledMessage[]): Promise<void> {
  await store.write(await segments.current(), {
    messages: all.map(({ message }) => message),
    handlings: all.map(({ handling }) => handling),
    spans: [],
  });
}
async function turn(): Promise<void> {
  await segments.turn(await segments.current());
  await segments.complete();
}

/** Keys of all that is found, in pages. */
async function found(filter: Filter, limit = 50): Promise<(string | null)[]> {
  const keys: (string | null)[] = [];
  let after: string | undefined;
  do {
    const page = await store.search(filter, limit, after);
    keys.push(...page.messages.map(({ key }) => key));
    after = page.next;
  } while (after !== undefined);
  return keys;
}

describe('a search', () => {
  // In a complete part, which has indexes, and in the current one, which has none.
  beforeEach(async () => {
    await write(
      handledMessage({ key: 'one', id: 'id-1', body: '{"note":"handle with care"}' }, 1),
      handledMessage(
        { key: 'two', correlation: 'conversation-2', contract: 'orders.order-cancelled' },
        2,
      ),
      handledMessage({ key: 'three', source: 'gateway', trace: 'c'.repeat(32) }, 3),
    );
    await turn();
    await write(
      handledMessage({ key: 'four', kind: 'command', body: '{"sku":"TEA-1","note":"careful"}' }, 4),
      handledMessage(
        { key: 'five', handling: { service: 'insights', outcome: 'dead', error: 'RangeError' } },
        5,
      ),
      handledMessage(
        { key: 'six', body: null, handling: { outcome: 'retry', error: 'TypeError' } },
        6,
      ),
    );
  });

  it.each<[Filter, string[]]>([
    [{}, ['six', 'five', 'four', 'three', 'two', 'one']],
    [{ id: 'id-1' }, ['one']],
    [{ key: 'five' }, ['five']],
    [{ correlation: 'conversation-2' }, ['two']],
    [{ trace: 'c'.repeat(32) }, ['three']],
    [{ contract: 'orders.order-cancelled' }, ['two']],
    [{ kind: 'command' }, ['four']],
    [{ service: 'gateway' }, ['three']],
    [{ service: 'insights' }, ['five']],
    [{ outcome: 'dead' }, ['five']],
    [{ outcome: 'retry', error: 'TypeError' }, ['six']],
    [{ error: 'TypeError', outcome: 'dead' }, []],
    [{ text: 'care' }, ['four', 'one']],
    [{ text: 'Handle CARE' }, ['one']],
    [{ text: 'tea-1' }, ['four']],
    [{ text: 'tea' }, ['four']],
    [{ text: 'note' }, []],
    [{ text: '--' }, []],
    [{ from: '2026-11-30T12:00:05Z' }, ['six', 'five']],
    [{ to: '2026-11-30T12:00:02Z' }, ['one']],
    [
      { from: '2026-11-30T12:00:02Z', to: '2026-11-30T12:00:04Z', service: 'notifications' },
      ['three', 'two'],
    ],
    [{ outcome: `done' or 'a' = 'a` }, []],
  ])('by %j finds %j, the last sent first', async (filter, keys) => {
    expect(await found(filter)).toEqual(keys);
  });

  it('is read in pages, each message once', async () => {
    for (const limit of [1, 2, 4])
      expect(await found({}, limit)).toEqual(['six', 'five', 'four', 'three', 'two', 'one']);
  });

  it('finds a message once that was handled again in a later part', async () => {
    const again = handledMessage({ key: 'one', id: 'id-1' }, 1);
    await write({ ...again, handling: { ...again.handling, attempt: 2 } });
    expect(await found({ key: 'one' })).toEqual(['one']);
    const { handlings } = (await store.message('id-1'))!;
    expect(handlings.map(({ attempt }) => attempt).sort()).toEqual([1, 2]);
  });

  it('says through what it has looked', async () => {
    const { through, next } = await store.search({ key: 'nothing' }, 50);
    const [{ since }] = (await query('select since from segment order by id limit 1')) as [
      { since: Date },
    ];
    expect([through, next]).toEqual([since, undefined]);
  });

  it('is not disturbed by a part that is dropped meanwhile', async () => {
    await query('drop table message_1');
    expect(await found({})).toEqual(['six', 'five', 'four']);
  });
});

it('a message is found whole, with each handling', async () => {
  const one = handledMessage({ id: 'id-1' });
  await write(one);
  await write({
    ...handledMessage({
      id: 'id-1',
      handling: { service: 'insights', outcome: 'dead', error: 'E', reason: 'why' },
    }),
  });
  const message = (await store.message('id-1'))!;
  const { message: _, ...handling } = one.handling;
  expect(message).toEqual({ ...one.message, handlings: [handling, expect.anything()] });
  expect(message.handlings[1]).toMatchObject({
    service: 'insights',
    outcome: 'dead',
    reason: 'why',
  });
  expect(await store.message('id-2')).toBeUndefined();
});

it('a conversation is in the order in which it was sent', async () => {
  await write(
    handledMessage({ key: 'b' }, 2),
    handledMessage({ key: 'a' }, 1),
    handledMessage({ correlation: 'other' }, 3),
  );
  await turn();
  await write(handledMessage({ key: 'c' }, 3));
  const keys = (await store.conversation('conversation-1')).map(({ key }) => key);
  expect(keys).toEqual(['a', 'b', 'c']);
});

it('a trace has its spans of all parts, in their order, and its messages', async () => {
  const spans = [span({ name: 'later', started: 2, links: [{ trace: 'c', span: 'd' }] })];
  await store.write(await segments.current(), { messages: [], handlings: [], spans });
  await turn();
  const first = { ...span({ name: 'first', started: 1 }) };
  await store.write(await segments.current(), { messages: [], handlings: [], spans: [first] });
  await write(handledMessage({ key: 'one' }), handledMessage({ trace: null }));
  const trace = await store.trace('a'.repeat(32));
  expect(trace.spans).toEqual([first, spans[0]]);
  expect(trace.messages.map(({ key }) => key)).toEqual(['one']);
});

describe('the store', () => {
  it('has indexes in complete parts alone, and searches texts and failures by them', async () => {
    await write(
      ...Array.from({ length: 3_000 }, (_, n) => handledMessage({ body: `{"n":"word${n}"}` })),
    );
    const plan = async (sql: string) => JSON.stringify(await query(`explain ${sql}`));
    const text = (part: number) =>
      plan(`select from message_${part} where words @@ '''word77'':*'::tsquery`);
    expect(await text(1)).toContain('Seq Scan');
    await turn();
    expect(await text(1)).toContain('words_idx');
    expect(await plan(`select from handling_1 where outcome = 'dead'`)).toContain('outcome');
  });

  it('drops its oldest parts before it takes more room than allowed', async () => {
    keeping({ time: DAY_MS, bytes: 6 * MB });
    const body = JSON.stringify({ note: 'x '.repeat(500) });
    for (let round = 0; round < 20; round++) {
      await write(
        ...Array.from({ length: 300 }, () => handledMessage({ body, key: `round-${round}` })),
      );
      await segments.complete();
      await segments.tend();
      expect(await segments.bytes()).toBeLessThanOrEqual(6 * MB);
    }
    expect(await found({ key: 'round-0' })).toEqual([]);
    expect(await found({ key: 'round-19' })).toHaveLength(300);
    const kept = (await query('select id from segment')) as unknown[];
    expect(kept.length).toBeGreaterThan(2);
    expect(await parts()).toHaveLength(3 * kept.length);
  });

  it('drops parts that are too old', async () => {
    await write(handledMessage({ key: 'old' }));
    await turn();
    await write(handledMessage({ key: 'new' }));
    await query(`update segment set until = until - interval '25 hours' where id = 1`);
    await segments.tend();
    expect(await found({})).toEqual(['new']);
    expect((await parts()).sort()).toEqual(['handling_2', 'message_2', 'span_2']);
  });

  it('begins a new part after its share of the time', async () => {
    await segments.current();
    await query(`update segment set since = since - interval '23 minutes'`); // 64 parts of a day
    await segments.tend();
    expect(await segments.current()).toBe(2);
  });

  it('completes the part of a console that ended before it could', async () => {
    await write(handledMessage());
    await query('update segment set until = clock_timestamp()');
    await segments.complete();
    const [{ bytes }] = (await query('select bytes from segment where id = 1')) as [
      { bytes: string },
    ];
    expect(Number(bytes)).toBeGreaterThan(0);
  });

  it('is made once by two consoles that begin together', async () => {
    const other = new Segments(database.dataSource, { time: DAY_MS, bytes: MB });
    expect(await Promise.all([segments.current(), other.current()])).toEqual([1, 1]);
    await Promise.all([segments.turn(1), other.turn(1)]);
    expect(await segments.current()).toBe(2);
  });
});
