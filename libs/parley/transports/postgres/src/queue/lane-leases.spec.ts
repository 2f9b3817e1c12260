import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { READ_AHEAD } from '../cloudevents';
import type { Database, Statement } from '../connection/database';
import { LaneLeases, type Lane } from './lane-leases';

const LEASE_MS = 30_000;
const QUEUE = 7;
const LOWEST_LANE = '-9223372036854775808';

/** Parameters of the functions that an installation has, by the function's name. */
const INSTALLED = new Map(
  readdirSync(join(__dirname, '../sql')).flatMap((file) =>
    [
      ...readFileSync(join(__dirname, '../sql', file), 'utf8').matchAll(
        /^create function parley\.(\w+)\(([^)]*)\)/gm,
      ),
    ].map(([, name, parameters]) => [
      name!,
      parameters!.split(', ').map((parameter) => parameter.split(' ')[0]!),
    ]),
  ),
);
const CALL = /^select (?:[\w*]+ from )?parley\.(\w+)\(([$\d, ]*)\)(?: (\w+))?$/;

/**
 * Replies of the database by the function that is called: rows, or the value of one that returns no
 * rows. An error is thrown.
 */
let replies: Record<string, unknown>;
/** Calls since the last look: the function, and its arguments by name. */
let calls: [string, Record<string, unknown>][];

/** Calls functions by their statements, as the server does: none that an installation lacks. */
const database = {
  call: async ({ name, text }: Statement, values: readonly unknown[]) => {
    if (!name) throw new Error(`each call would prepare it again: ${text}`);
    const [, called, places, column] = CALL.exec(text) ?? [];
    const parameters = INSTALLED.get(called!);
    if (!parameters || places!.split(', ').length !== values.length)
      throw new Error(`there is no such function: ${text} of ${values.length} values`);
    calls.push([called!, Object.fromEntries(values.map((value, n) => [parameters[n], value]))]);
    const reply = replies[called!];
    if (reply instanceof Error) throw reply;
    return Array.isArray(reply) ? reply : [{ [column ?? called!]: reply }];
  },
} as unknown as Database;

beforeEach(() => {
  replies = { claim: [row('-5')], renew: [{ lane: '-5' }], claim_suspect: [], discard: true };
  calls = [];
});

function row(lane: string, id: string | null = '1') {
  const message_id = `message ${id}`;
  return {
    lane,
    attempts: 1,
    failure: null,
    id,
    message_id,
    headers: Buffer.from('{}'),
    body: Buffer.from('{}'),
    reached: null,
  };
}
/** The row that says how far a scan came that was broken off. */
const broken = (reached: string) => ({ ...row('', null), lane: null, reached });

/** The calls since the last look. */
const called = () => calls.splice(0);
const newLeases = () => new LaneLeases(database, QUEUE, LEASE_MS);

async function leased() {
  const leases = newLeases();
  const [lane] = await leases.claim(1, 0);
  await leases.renew(0);
  called();
  return { leases, lane: lane!, message: lane!.messages[0]!, lost: lane!.lost.signal };
}

describe('a claim', () => {
  it('asks for so many lanes, for the time of a lease', async () => {
    const leases = newLeases();
    await leases.claim(20, 0);
    expect(called()).toEqual([
      [
        'claim',
        {
          q: QUEUE,
          done: [],
          t: leases.token,
          cursor: LOWEST_LANE,
          n: 20,
          depth: 10,
          lease: '30000 ms',
          most: READ_AHEAD,
          beyond: '0',
        },
      ],
    ]);
  });

  it('leases lanes with their messages in order', async () => {
    const [first, second, other] = [row('-9', '1'), row('-9', '3'), row('4', '4')];
    replies.claim = [first, second, other, broken('-3')];
    const leases = newLeases();
    expect(await leases.claim(2)).toMatchObject([
      { id: '-9', messages: [first, second], suspect: false },
      { id: '4', messages: [other], suspect: false },
    ]);
    expect(leases.size).toBe(2);
  });

  it('releases a lane that it found empty with the next one', async () => {
    replies.claim = [row('-9', null), row('-5')];
    const leases = newLeases();
    expect((await leases.claim(2, 0)).map(({ id }) => id)).toEqual(['-5']);
    expect([leases.size, leases.unreleased]).toEqual([1, 1]);
    called();
    replies.claim = [];
    await leases.claim(0, 0);
    expect(called()).toMatchObject([['claim', { done: ['-9'], n: 0 }]]);
  });

  it('releases finished lanes, again when it fails, and then no more', async () => {
    const { leases, lane } = await leased();
    leases.finish(lane);
    expect([leases.size, leases.unreleased]).toEqual([0, 1]);
    replies.claim = new Error('the database does not answer');
    await expect(leases.claim(1)).rejects.toThrow('does not answer');
    expect(leases.unreleased).toBe(1);
    replies.claim = [];
    await leases.claim(1);
    await leases.claim(1);
    expect(called()).toMatchObject([
      ['claim', { done: ['-5'] }],
      ['claim', { done: ['-5'] }],
      ['claim', { done: [] }],
    ]);
  });

  it('does not hand out a lane that it leases again while its former handling still runs', async () => {
    const { leases, lane } = await leased();
    expect(await leases.claim(1)).toEqual([]);
    expect(leases.lanes()).toEqual([lane]);
    expect(leases.forget(lane)).toBe(true);
    const [again] = await leases.claim(1);
    expect(again).toMatchObject({ id: '-5' });
    expect(leases.forget(lane)).toBe(false);
    leases.finish(lane);
    expect(leases.lanes()).toEqual([again]);
    expect(leases.unreleased).toBe(0);
  });
});

describe('the next claim', () => {
  const keyed = [row('-9'), row('-5')];
  const loose = [row('3'), row('4')];

  it.each<[string, object[], object]>([
    [
      'goes on behind the last lanes of both kinds',
      [...keyed, ...loose],
      { cursor: '-5', beyond: '4' },
    ],
    [
      'goes on with keys where it was, when none came',
      [row('1'), row('2'), ...loose],
      { cursor: '-99', beyond: '4' },
    ],
    [
      'goes on without keys where it was, when none came',
      [row('-12'), row('-11'), ...keyed],
      { cursor: '-5', beyond: '66' },
    ],
    [
      'begins anew without keys, when there were fewer than it wanted',
      [row('-9'), ...loose],
      { cursor: '-9', beyond: '0' },
    ],
    [
      'goes on with keys where a scan was broken off',
      [row('-9'), broken('-2')],
      { cursor: '-2', beyond: '0' },
    ],
    [
      'goes on without keys where a scan was broken off',
      [row('-9'), row('3'), broken('500')],
      { cursor: '-9', beyond: '500' },
    ],
    [
      'goes on where both scans were broken off',
      [broken('-2'), broken('500')],
      { cursor: '-2', beyond: '500' },
    ],
  ])('%s', async (_, rows, next) => {
    const leases = newLeases();
    replies.claim = [row('-99'), row('66')];
    await leases.claim(2, 0);
    replies.claim = rows;
    await leases.claim(4, 0);
    expect(leases.brokenOff).toBe(rows.some((one) => !(one as { lane: unknown }).lane));
    called();
    await leases.claim(4, 0);
    expect(called()).toMatchObject([['claim', next]]);
  });

  it('goes on where the former one was, when that one only released lanes', async () => {
    const leases = newLeases();
    replies.claim = [];
    await leases.claim(0, 0);
    expect(leases.brokenOff).toBe(false);
    replies.claim = [...loose, broken('500')];
    await leases.claim(4, 0);
    replies.claim = [];
    await leases.claim(0, 0);
    expect(leases.brokenOff).toBe(true);
    called();
    await leases.claim(4, 0);
    expect(called()).toMatchObject([['claim', { beyond: '500' }]]);
  });

  it('looks at the oldest lanes without a key again each second', async () => {
    const leases = newLeases();
    replies.claim = loose;
    for (const now of [5_000, 5_999, 6_000, 6_999, 7_000]) await leases.claim(2, now);
    expect(called().map(([, { beyond }]) => beyond)).toEqual(['0', '4', '0', '4', '0']);
  });
});

describe('a lane that came back without an outcome', () => {
  it('is leased as a suspect', async () => {
    const leases = newLeases();
    const message = row('-8');
    replies.claim_suspect = [message];
    const suspect = await leases.claimSuspect();
    expect(suspect).toMatchObject({ id: '-8', messages: [message], suspect: true });
    expect(leases.lanes()).toEqual([suspect]);
    expect(called()).toEqual([
      ['claim_suspect', { q: QUEUE, t: leases.token, lease: '30000 ms', most: READ_AHEAD }],
    ]);
  });

  it('may be with another instance by now', async () => {
    expect(await newLeases().claimSuspect()).toBeUndefined();
  });
});

describe('a message of a leased lane', () => {
  const place = (leases: LaneLeases) => ({ q: QUEUE, l: '-5', i: '1', t: leases.token });

  it('can be read later, unless it is gone', async () => {
    const { leases, message } = await leased();
    replies.read_message_body = Buffer.from('large');
    expect(await leases.fetch(message)).toEqual(Buffer.from('large'));
    expect(called()).toEqual([['read_message_body', { q: QUEUE, l: '-5', i: '1' }]]);
    replies.read_message_body = null;
    expect(await leases.fetch(message)).toBeUndefined();
  });

  it('is acknowledged, unless the lane is somebody else’s', async () => {
    const { leases, lane, message } = await leased();
    expect(await leases.discard(lane, message)).toBe(true);
    expect(called()).toEqual([['discard', place(leases)]]);
    replies.discard = false;
    expect(await leases.discard(lane, message)).toBe(false);
  });

  const failure = { error: 'Error', tries: 4 };

  it('is tried again after whole milliseconds, not earlier, and its lane is ours no more', async () => {
    const { leases, lane, message } = await leased();
    await leases.retry(lane, message, 3, { kind: 'retry', after: 100.2, failure } as never);
    expect(called()).toEqual([
      ['retry', { ...place(leases), attempt: 3, delay: 101, why: JSON.stringify(failure) }],
    ]);
    expect(leases.size).toBe(0);
  });

  it('is kept as a dead letter that holds its lane or not, and its lane is ours no more', async () => {
    const { leases, lane, message } = await leased();
    await leases.bury(lane, message, { failure, hold: true } as never);
    expect(called()).toEqual([
      ['bury', { ...place(leases), tries: 4, why: JSON.stringify(failure), hold: true }],
    ]);
    expect(leases.size).toBe(0);
  });
});

describe('lanes that are given back', () => {
  it('are ours no more, and free after a pause', async () => {
    replies.claim = [row('-9'), row('-5'), row('4')];
    const leases = newLeases();
    const [first, second, third] = (await leases.claim(3)) as [Lane, Lane, Lane];
    called();
    await leases.giveBack([first, third], 250);
    expect(called()).toEqual([
      ['give_back', { q: QUEUE, lanes: ['-9', '4'], t: leases.token, pause: 250 }],
    ]);
    expect(leases.lanes()).toEqual([second]);
  });

  it('cost no round trip when there are none', async () => {
    await newLeases().giveBack([], 0);
    expect(called()).toEqual([]);
  });
});

describe('a holder of a lane', () => {
  it('renews it for a whole lease', async () => {
    const { leases, lost } = await leased();
    await leases.renew(10_000);
    expect(called()).toEqual([
      ['renew', { q: QUEUE, lanes: ['-5'], t: leases.token, lease: '30000 ms' }],
    ]);
    expect(lost.aborted).toBe(false);
  });

  it('renews nothing when it holds none', async () => {
    await newLeases().renew(0);
    expect(called()).toEqual([]);
  });

  it('is told when it could not renew it for a whole lease, for by then somebody else may have it', async () => {
    const { leases, lost } = await leased();
    replies.renew = new Error('the database does not answer');
    await expect(leases.renew(LEASE_MS - 1)).rejects.toThrow('does not answer');
    expect(lost.aborted).toBe(false);
    await expect(leases.renew(LEASE_MS)).rejects.toThrow('does not answer');
    expect(lost.aborted).toBe(true);
  });

  it('keeps it when a renewal fails and the next one does not', async () => {
    const { leases, lost } = await leased();
    replies.renew = new Error('the database does not answer');
    await expect(leases.renew(LEASE_MS - 1)).rejects.toThrow();
    replies.renew = [{ lane: '-5' }];
    await leases.renew(LEASE_MS + 10_000);
    replies.renew = new Error('the database does not answer');
    await expect(leases.renew(2 * LEASE_MS)).rejects.toThrow();
    expect(lost.aborted).toBe(false);
  });

  it('is told when it is somebody else’s', async () => {
    const { leases, lost } = await leased();
    replies.renew = [];
    await leases.renew(10_000);
    expect(lost.aborted).toBe(true);
  });
});
