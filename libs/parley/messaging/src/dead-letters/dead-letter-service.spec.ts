import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { command, event } from '@parley/contract';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { DeadLetterService, EditRefusedError } from './dead-letter-service';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { UnrecoverableError } from '../message/failure';
import type { Headers } from '../message/message';
import { Messaging } from '../messaging';

const Weigh = command(
  'scales.weigh-parcel',
  z.object({ parcel: z.string(), grams: z.number().int() }),
  { key: 'parcel' },
);
const Weighed = event(
  'scales.parcel-weighed',
  z.object({ parcel: z.string(), grams: z.number(), note: z.string().nullish() }),
  { key: 'parcel' },
);

const Pack = command(
  'scales.pack-crate',
  z.object({ crate: z.string(), parcels: z.array(z.object({ parcel: z.string() })) }),
  { key: 'crate' },
);

/** The heaviest load, in grams: heavier parcels are refused. */
let most: number;
let weighed: string[];

function refuseHeavy(parcel: string, grams: number): void {
  if (grams > most) throw new RangeError(`${grams} g is more than ${most} g`);
  weighed.push(`${parcel}:${grams}`);
}

@Controller()
class ScalesController {
  @Handles(Weigh)
  async weigh({ parcel, grams }: { parcel: string; grams: number }) {
    refuseHeavy(parcel, grams);
  }

  @Handles(Pack)
  pack(): void {
    throw new UnrecoverableError('the crate is broken');
  }
}

@Controller()
@Subscription('book')
class BookController {
  @Handles(Weighed)
  async write({ parcel, grams }: { parcel: string; grams: number }) {
    refuseHeavy(parcel, grams);
  }
}

describe('the desk where people decide about dead letters', () => {
  let harness: Harness;
  let service: TestService;
  let desk: DeadLetterService;

  beforeEach(async () => {
    [most, weighed] = [100, []];
    harness = new Harness();
    service = await harness.start('scales', { controllers: [ScalesController, BookController] });
    desk = new DeadLetterService(
      service.store.lanes.deadLetters,
      service.get(Messaging).registry,
      harness.clock,
      service.get(Messaging).payloads,
      'scales',
    );
  });
  afterEach(() => harness.close());

  const send = async (parcel: string, ...weights: number[]) => {
    for (const grams of weights) await harness.publish(Weighed, { parcel, grams });
    await harness.advance('2m');
  };
  const letters = () => desk.letters.list();
  /** The letter of a message from elsewhere, which holds its lane. */
  const received = async (body: string, change = (headers: Headers): Headers => headers) => {
    await send('a', 500);
    const [sent] = await letters();
    await desk.letters.discard(sent!.id, by);
    await service.store.lanes.deadLetter(
      undefined,
      {
        ...sent!,
        headers: change({ ...sent!.headers, id: randomUUID() }),
        body: Buffer.from(body),
      },
      sent!.failure,
      true,
    );
    return (await letters())[0]!;
  };
  const by = { who: 'ada' };
  /** Runs paced work in virtual time. */
  const paced = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    const done = work.finally(() => (over = true));
    while (!over) await harness.advance('100ms');
    return done;
  };

  it('releases a lane in order, each effect once, after the cause is gone', async () => {
    await send('a', 1, 500, 2, 3);
    await send('b', 4);
    expect(weighed).toEqual(['a:1', 'b:4']);
    const [letter] = await letters();
    expect((await desk.find(letter!.id))!.preview).toMatchObject({
      handler: 'BookController.write',
      expect: 'handled',
      lane: { key: 'a', held: true, waiting: 2 },
    });
    most = 1_000;
    expect(await desk.letters.replay(letter!.id, by)).toBe(true);
    await harness.settled();
    expect(weighed).toEqual(['a:1', 'b:4', 'a:500', 'a:2', 'a:3']);
    expect((await desk.letters.audit())[0]).toMatchObject({
      who: 'ada',
      action: 'replay',
      became: 'handled',
    });
  });

  it('says which letter the lane of a letter waits for', async () => {
    await send('a', 500, 600);
    const [first] = await letters();
    await service.store.lanes.deadLetter(
      undefined,
      { ...first!, key: 'a', headers: { ...first!.headers, id: randomUUID() } },
      first!.failure,
      false,
    );
    const [behind] = await desk.letters.list({ newest: true, limit: 1 });
    expect((await desk.find(behind!.id))!.preview).toMatchObject({
      expect: 'waits',
      why: `its lane waits for letter ${first!.id}`,
      lane: { key: 'a', held: true, heldBy: first!.id },
    });
    await desk.letters.discard(first!.id, by);
    expect((await desk.find(behind!.id))!.preview).toMatchObject({
      expect: 'handled',
      why: 'BookController.write runs; whether it succeeds, only a replay tells',
      lane: { key: 'a', held: false },
    });
  });

  it('says of a letter that somebody discarded first that it is gone', async () => {
    await send('a', 500);
    const [letter] = await letters();
    await desk.letters.discard(letter!.id, by);
    expect(await desk.find(letter!.id)).toBeUndefined();
    const edit = { ...by, replay: true };
    expect(await desk.edit(letter!.id, Buffer.from('{"parcel":"a","grams":1}'), edit)).toBe('gone');
    expect(weighed).toEqual([]);
  });

  it('lets a lane go on when the letter that holds it is discarded', async () => {
    await send('a', 500, 2, 3);
    const [letter] = await letters();
    await desk.letters.discard(letter!.id, { ...by, reason: 'the scales were wrong' });
    await harness.settled();
    expect(weighed).toEqual(['a:2', 'a:3']);
  });

  it('does the same for commands', async () => {
    for (const grams of [500, 2]) await harness.send(Weigh, { parcel: 'c', grams });
    await harness.advance('2m');
    const [letter] = await letters();
    expect((await desk.find(letter!.id))!.preview).toMatchObject({
      subscription: 'scales',
      handler: 'ScalesController.weigh',
      expect: 'handled',
    });
    expect(
      await desk.edit(letter!.id, Buffer.from('{"parcel":"c","grams":50}'), {
        ...by,
        replay: true,
      }),
    ).toBe('done');
    await harness.settled();
    expect(weighed).toEqual(['c:50', 'c:2']);
  });

  it('replays what was edited, the former body being kept', async () => {
    await send('a', 500, 2);
    const [letter] = await letters();
    expect(
      await desk.edit(letter!.id, Buffer.from('{"parcel":"a","grams":50}'), {
        ...by,
        replay: true,
        edits: 0,
      }),
    ).toBe('done');
    await harness.settled();
    expect(weighed).toEqual(['a:50', 'a:2']);
    const [entry] = await desk.letters.audit();
    expect([entry!.before, entry!.after].map(String)).toEqual([
      '{"parcel":"a","grams":500}',
      '{"parcel":"a","grams":50}',
    ]);
  });

  it.each([
    ['a wrong field, naming it', '{"parcel":"a","grams":"heavy"}', 'grams'],
    ['a missing field', '{"grams":1}', 'parcel'],
    [
      'a name that its contract does not have',
      '{"parcel":"a","grams":1,"gramms":2}',
      'has no gramms',
    ],
    ['what is no JSON', '{"parcel":', 'not JSON'],
    [
      'a name that its contract does not have, beside one without a value',
      '{"parcel":"a","grams":1,"note":null,"gramms":2}',
      'has no gramms',
    ],
    [
      'another key: that would be another lane',
      '{"parcel":"b","grams":1}',
      "parcel is the message's lane and stays a",
    ],
  ])('refuses %s', async (_, body, named) => {
    await send('a', 500);
    const [letter] = await letters();
    const edit = desk.edit(letter!.id, Buffer.from(body), { ...by, replay: true });
    await expect(edit).rejects.toThrow(EditRefusedError);
    await expect(edit).rejects.toThrow(named);
    expect((await letters())[0]).toEqual(letter);
    expect((await desk.letters.audit())[0]).toMatchObject({
      who: 'ada',
      action: 'edit and replay',
      outcome: expect.stringContaining(named),
      after: Buffer.from(body),
    });
  });

  it('refuses a name that its contract does not have deep in the body, and records who tried', async () => {
    await harness.send(Pack, { crate: 'c', parcels: [{ parcel: 'a' }, { parcel: 'b' }] });
    await harness.settled();
    const [letter] = await letters();
    const body = Buffer.from('{"crate":"c","parcels":[{"parcel":"a"},{"parcel":"b","gram":1}]}');
    await expect(desk.edit(letter!.id, body, { ...by, reason: 'heavy' })).rejects.toThrow(
      'has no parcels.1.gram',
    );
    expect((await desk.letters.audit())[0]).toMatchObject({
      ...by,
      reason: 'heavy',
      action: 'edit',
    });
  });

  it('keeps fields of a newer sender, which its contract does not have', async () => {
    const newer = '{"parcel":"a","grams":500,"scale":{"room":7}}';
    const letter = await received(newer);
    const edited = Buffer.from(newer.replace('500', '50'));
    expect(await desk.edit(letter.id, edited, by)).toBe('done');
    expect((await letters())[0]!.body).toEqual(edited);
  });

  it.each([
    ['is no JSON', '{"parcel":"a","grams":'],
    ['has no such values', '{"parcel":null}'],
  ])('mends a body that %s', async (_, body) => {
    const letter = await received(body);
    const mended = Buffer.from('{"parcel":"a","grams":1,"note":null}');
    expect(await desk.edit(letter.id, mended, { ...by, replay: true })).toBe('done');
    await harness.settled();
    expect(weighed).toEqual(['a:1']);
  });

  it('edits what another program sent without a lane', async () => {
    const letter = await received(
      '{"parcel":"a","grams":500}',
      ({ partitionkey: _, ...headers }) => headers,
    );
    expect((await desk.find(letter.id))!.preview.lane).toBeUndefined();
    const edited = Buffer.from('{"parcel":"b","grams":1}');
    expect(await desk.edit(letter.id, edited, { ...by, replay: true })).toBe('done');
    await harness.settled();
    expect(weighed).toEqual(['b:1']);
  });

  it('knows which replays are hopeless', async () => {
    const { deadLetters } = service.store.lanes;
    const failure = {
      error: 'E',
      message: 'm',
      stack: '',
      tries: 1,
      instance: 'i',
      firstFailedAt: '',
      lastFailedAt: '',
    };
    const id = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
    const bury = async (
      headers: Record<string, string>,
      body = '{"parcel":"a","grams":1}',
      subscription = 'scales.book',
    ) => {
      await service.store.lanes.deadLetter(
        undefined,
        { subscription, headers, body: Buffer.from(body) },
        failure,
        false,
      );
      return (await desk.find((await deadLetters.list({ newest: true, limit: 1 }))[0]!.id))!
        .preview;
    };
    for (const badId of [id, 'no uuid'])
      expect(await bury({ id: badId, type: 'scales.melted' })).toEqual({
        letter: expect.any(String),
        subscription: 'scales.book',
        contract: 'scales.melted',
        expect: 'dead again',
        why: 'nothing in scales.book handles scales.melted',
      });
    const [unknown] = await deadLetters.list();
    await expect(desk.edit(unknown!.id, Buffer.from('{}'), by)).rejects.toThrow(
      'nothing in scales.book handles scales.melted',
    );
    expect(await bury({ id: id.replace('3', '4'), type: Weighed.name }, '{}')).toMatchObject({
      expect: 'dead again',
      why: expect.stringContaining('parcel'),
    });
    expect(
      await bury({
        id: id.replace('3', '5'),
        type: Weighed.name,
        expirytime: '2020-01-01T00:00:00Z',
      }),
    ).toMatchObject({
      expect: 'dead again',
      why: expect.stringContaining('until 2020'),
    });
    expect(await bury({ id: 'no uuid', type: Weighed.name })).toMatchObject({
      expect: 'dead again',
      why: expect.stringContaining('UUID'),
    });
    expect(await bury({ id: id.replace('3', '7') })).toMatchObject({
      contract: '',
      expect: 'dead again',
      why: 'nothing in scales.book handles a message without type',
    });
    expect(await bury({ id, type: Weighed.name }, undefined, 'scales.closed')).toMatchObject({
      expect: 'dead again',
    });
    await service.store.transaction(
      async (tx) =>
        void (await service.store.inbox.record(tx, 'scales.book', id.replace('3', '6'))),
    );
    expect(await bury({ id: id.replace('3', '6'), type: Weighed.name })).toMatchObject({
      expect: 'no effect',
      why: 'the inbox has it: it was handled before',
    });
  });

  it('replays many at the asked rate, a second at a time, without those that die again meanwhile', async () => {
    for (let n = 0; n < 8; n++)
      await harness.publish(Weighed, { parcel: `p-${n}`, grams: n < 2 ? 5_000 : 500 });
    await harness.advance('2m');
    most = 1_000;
    const began = harness.clock.now();
    const first = await paced(desk.replayNext({ ...by, filter: { error: 'RangeError' }, rate: 4 }));
    expect(first).toMatchObject({ done: { length: 4 }, gone: [], left: 4 });
    expect(harness.clock.now() - began).toBeGreaterThanOrEqual(1_000);
    await harness.advance('2m'); // the first two are dead again by now
    const second = await paced(
      desk.replayNext({ ...by, filter: { error: 'RangeError', upTo: first.upTo }, rate: 4 }),
    );
    expect(second).toMatchObject({ done: { length: 4 }, left: 0 });
    await harness.settled();
    expect(weighed).toHaveLength(6);
    expect(await desk.letters.count()).toBe(2);
  });

  it('lets two operators replay one group, each message handled once', async () => {
    for (let n = 0; n < 6; n++) await harness.publish(Weighed, { parcel: `p-${n}`, grams: 500 });
    await harness.advance('2m');
    most = 1_000;
    const { group } = (await desk.letters.groups())[0]!;
    const operators = ['ada', 'bob'].map((who) =>
      desk.replayNext({ who, filter: { group }, rate: 100 }),
    );
    const [ada, bob] = await paced(Promise.all(operators));
    const all = ['1', '2', '3', '4', '5', '6'];
    expect([...ada!.done, ...bob!.done].sort()).toEqual(all);
    expect([...ada!.gone, ...bob!.gone].sort()).toEqual(all);
    await harness.settled();
    expect([...weighed].sort()).toEqual([
      'p-0:500',
      'p-1:500',
      'p-2:500',
      'p-3:500',
      'p-4:500',
      'p-5:500',
    ]);
  });

  it.each<[string, { rate?: number; limit?: number }, number, number]>([
    ['ten a second when nobody says how many', {}, 10, 1_000],
    ['no more than a limit', { rate: 50, limit: 3 }, 3, 60],
    ['one at a time at less than one a second', { rate: 0.5 }, 1, 2_000],
    ['a hundred at once at most', { rate: 1_000 }, 100, 100],
  ])('discards many, too: %s', async (_, pace, many, milliseconds) => {
    await send('a', 500);
    const [letter] = await letters();
    for (let n = 0; n < 105; n++) {
      const headers = { ...letter!.headers, id: randomUUID() };
      await service.store.lanes.deadLetter(
        undefined,
        { ...letter!, headers },
        letter!.failure,
        false,
      );
    }
    const [began, all] = [harness.clock.now(), await desk.letters.count()];
    const reason = 'all of them were wrong';
    const { done, left } = await paced(
      desk.discardNext({ ...by, reason, filter: { error: 'RangeError' }, ...pace }),
    );
    expect([done.length, left]).toEqual([many, all - many]);
    expect(harness.clock.now() - began).toBeGreaterThanOrEqual(milliseconds);
    expect(await desk.letters.audit()).toMatchObject(
      Array(many).fill({ ...by, reason, action: 'discard' }),
    );
    await harness.settled();
    expect(weighed).toEqual([]);
  });

  it('has nothing to do where no letter is', async () => {
    expect(await desk.replayNext({ ...by, filter: { error: 'RangeError' } })).toEqual({
      done: [],
      gone: [],
      left: 0,
    });
  });

  it('stops when told to', async () => {
    for (let n = 0; n < 4; n++) await harness.publish(Weighed, { parcel: `p-${n}`, grams: 500 });
    await harness.advance('2m');
    const stop = new AbortController();
    const replaying = desk.replayNext({ ...by, filter: {}, rate: 4, signal: stop.signal });
    await harness.settled();
    stop.abort();
    expect((await paced(replaying)).done).toHaveLength(1);
  });

  it('says beforehand what a replay of many would come to, and changes nothing', async () => {
    await send('a', 500, 2);
    await send('b', 600);
    expect(await desk.previews({})).toMatchObject([
      { lane: { key: 'a', waiting: 1 } },
      { lane: { key: 'b', waiting: 0 } },
    ]);
    expect(await desk.letters.count()).toBe(2);
    expect(await desk.letters.audit()).toEqual([]);
  });

  it('leaves out of them a letter that somebody discards meanwhile', async () => {
    await send('a', 500);
    await send('b', 600);
    const [first] = await letters();
    const previews = desk.previews({});
    await desk.letters.discard(first!.id, by);
    expect(await previews).toMatchObject([{ lane: { key: 'b' } }]);
  });
});
