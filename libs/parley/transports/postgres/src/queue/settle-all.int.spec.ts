import { randomUUID } from 'node:crypto';
import type { OutgoingMessage } from '@parley/messaging/transport';
import { TrialDatabase } from '../trial-database.fixture';
import { SEND, sendValues } from './queue-sender';
import { reserve } from './worker.fixture';

jest.setTimeout(60_000);

/** A lane that this spec leases, with its first message. */
interface Leased {
  readonly lane: string;
  readonly id: string;
  readonly message_id: string;
  readonly token: number;
}

let database: TrialDatabase;
let queue: number;

beforeAll(async () => {
  database = await TrialDatabase.create(['inventory']);
  const { rows } = await database.admin.query<{ id: number }>(
    `select id from parley.queue where name = 'inventory'`,
  );
  queue = rows[0]!.id;
});
beforeEach(() => database.empty());
afterAll(() => database.drop());

const send = (...messages: OutgoingMessage[]) =>
  database.admin.query(SEND.text, sendValues(messages));

/** Leases every lane that is free, with its first message. */
async function lease(token: number): Promise<Leased[]> {
  const { rows } = await database.admin.query<Omit<Leased, 'token'>>(
    `select lane, id, message_id from parley.claim($1, '{}', $2, -9223372036854775808, 10, 1, '1 min')`,
    [queue, token],
  );
  return rows.map((row) => ({ ...row, token }));
}

const settleAll = (leased: readonly Leased[], token = leased[0]!.token) =>
  database.admin.query('select parley.settle_all($1, $2, $3, $4, $5)', [
    queue,
    leased.map(({ lane }) => lane),
    leased.map(({ id }) => id),
    token,
    leased.map(({ message_id }) => message_id),
  ]);

const idsIn = async (table: 'message' | 'parked' | 'inbox') =>
  (
    await database.admin.query<{ message_id: string }>(
      `select message_id from parley.${table} order by 1`,
    )
  ).rows.map(({ message_id }) => message_id);

describe('the acknowledgement of a batch of commands', () => {
  it('removes them and records each by its print', async () => {
    await send(reserve('a', 0), reserve('b', 0), reserve(undefined, 0));
    const leased = await lease(7);
    await settleAll(leased);
    expect(await idsIn('message')).toEqual([]);
    const prints = await database.admin.query('select print = message_id same from parley.inbox');
    expect(prints.rows).toEqual(Array(3).fill({ same: true }));
  });

  it('takes none of them when the lease of one is lost', async () => {
    await send(reserve('a', 0), reserve('b', 0));
    const leased = await lease(7);
    await send(reserve('c', 0));
    leased.push(...(await lease(8)));
    expect(leased.map(({ token }) => token)).toEqual([7, 7, 8]);
    await expect(settleAll(leased)).rejects.toMatchObject({ code: 'PL001' });
    await expect(settleAll(leased, 0)).rejects.toMatchObject({ code: 'PL001' });
    expect([await idsIn('message'), await idsIn('inbox')]).toEqual([
      leased.map(({ message_id }) => message_id).sort(),
      [],
    ]);
  });

  it('takes none of them when one was handled before, or is there in two copies', async () => {
    const twice = { id: randomUUID() };
    await send(reserve('a', 0), reserve('b', 0, twice), reserve('c', 0, twice));
    const leased = await lease(7);
    await expect(settleAll(leased)).rejects.toMatchObject({ code: 'PL002' });
    expect(await idsIn('message')).toHaveLength(3);
    const [first, second] = leased.filter(({ message_id }) => message_id === twice.id);
    await settleAll([first!]);
    const rest = leased.filter((one) => one !== first);
    expect(rest).toContain(second);
    await expect(settleAll(rest)).rejects.toMatchObject({ code: 'PL002' });
    expect(await idsIn('inbox')).toEqual([twice.id]);
  });

  it('takes those that were tried before with the others', async () => {
    await send(reserve('a', 0));
    const [failed] = await lease(7);
    await database.admin.query(`select parley.retry($1, $2, $3, 7, 1, 0, 'no luck')`, [
      queue,
      failed!.lane,
      failed!.id,
    ]);
    expect(await idsIn('parked')).toEqual([failed!.message_id]);
    await send(reserve('b', 0));
    const leased = await lease(7);
    await settleAll(leased);
    expect([await idsIn('message'), await idsIn('parked')]).toEqual([[], []]);
    expect(await idsIn('inbox')).toEqual(leased.map(({ message_id }) => message_id).sort());
  });
});
