import { Controller } from '@nestjs/common';
import { command, event } from '@parley/contract';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { DeadLetterService, EditRefusedError } from './dead-letter-service';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';

const Weigh = command(
  'scales.weigh-parcel',
  z.object({ parcel: z.string(), grams: z.number().int() }),
  { key: 'parcel' },
);
const Weighed = event(
  'scales.parcel-weighed',
  z.object({ parcel: z.string(), grams: z.number() }),
  { key: 'parcel' },
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
    );
  });
  afterEach(() => harness.close());

  const send = async (parcel: string, ...weights: number[]) => {
    for (const grams of weights) await harness.publish(Weighed, { parcel, grams });
    await harness.advance('2m');
  };
  const letters = () => desk.letters.list();
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
    expect(await bury({ id, type: 'scales.melted' })).toMatchObject({
      expect: 'dead again',
      why: 'nothing in scales.book handles scales.melted',
    });
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
    expect(await bury({ id, type: Weighed.name }, undefined, 'scales.closed')).toMatchObject({
      expect: 'dead again',
    });
    await service.store.transaction(
      async (tx) =>
        void (await service.store.inbox.record(tx, 'scales.book', id.replace('3', '6'))),
    );
    expect(await bury({ id: id.replace('3', '6'), type: Weighed.name })).toMatchObject({
      expect: 'no effect',
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
    expect([...ada!.done, ...bob!.done].sort()).toEqual(['1', '2', '3', '4', '5', '6']);
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
});
