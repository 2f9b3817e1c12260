import { event } from '@parley/contract';
import { z } from 'zod';
import {
  BookFlight,
  BookHotel,
  CancelFlight,
  FlightBooked,
  FlightCancelled,
  HotelBooked,
  HotelFull,
  RefuseTrip,
  trip,
  TripBooked,
  TripRequested,
} from './booking.fixture';
import { idsFor } from './ids';
import { saga, SagaError } from './saga';
import { end, execute, next, publish, send } from './step';

const tripId = 'trip-1';
const flying = trip.given().when(TripRequested, { tripId, city: 'Lisbon' });
const sleeping = flying.when(FlightBooked, { tripId, seat: '4A' });
const info = { at: '2026-01-01T00:00:00.000Z', id: idsFor('trip', tripId, 'test') };

describe('a saga', () => {
  it('starts with the state and the messages its first step returns', () => {
    expect(flying.state).toEqual({ tripId, city: 'Lisbon', stage: 'flying' });
    expect(flying.out).toEqual([send(BookFlight, { tripId, city: 'Lisbon' })]);
  });

  it('goes from answer to answer until its end', () => {
    expect(sleeping.out).toEqual([send(BookHotel, { tripId })]);
    const booked = sleeping.when(HotelBooked, { tripId });
    expect(booked).toMatchObject({
      done: true,
      state: { stage: 'booked' },
      out: [publish(TripBooked, { tripId, at: info.at })],
    });
  });

  it('takes back what it did, and says so by a local command', () => {
    const unbooking = sleeping.when(HotelFull, { tripId, reason: 'no room' });
    expect(unbooking.out).toMatchObject([
      { verb: 'send', contract: CancelFlight, message: { tripId } },
    ]);
    const refused = unbooking.when(FlightCancelled, { tripId });
    expect(refused).toMatchObject({
      done: true,
      out: [execute(new RefuseTrip(tripId, 'no room'))],
    });
  });

  it('ignores what reaches it too early, twice or too late, and says why', () => {
    expect(trip.given().when(HotelBooked, { tripId })).toMatchObject({
      state: undefined,
      ignored: 'unknown',
    });
    expect(flying.when(TripRequested, { tripId, city: 'Rome' })).toMatchObject({
      state: { city: 'Lisbon' },
      ignored: 'duplicate',
      out: [],
    });
    expect(sleeping.when(HotelBooked, { tripId }).when(FlightCancelled, { tripId })).toMatchObject({
      ignored: 'finished',
      out: [],
    });
  });

  it('stays as it is when a step says so', () => {
    expect(sleeping.when(FlightBooked, { tripId, seat: '9F' })).toMatchObject({
      state: { seat: '4A' },
      out: [],
      ignored: undefined,
    });
  });

  it('under test can be awaited and returned like any value', async () => {
    expect(await sleeping).toBe(sleeping);
  });

  it('refuses a step that changes its key', () => {
    const renaming = saga('renaming', { state: z.object({ id: z.string() }), by: 'id' }).startsOn(
      Named,
      () => next({ id: 'another' }),
    );
    expect(() => renaming.given().when(Named, { id: 'one' })).toThrow('the key of a saga stays');
  });

  it.each([{ tripId: '' }, { tripId: 7 }, {}])(
    'refuses a message without a key, which is a text: %j',
    (key) => {
      expect(() => trip.given().when(TripRequested, { ...key, city: 'Rome' } as never)).toThrow(
        'belongs to no saga',
      );
    },
  );

  it.each(['x'.repeat(801), 'a\0b'])('refuses a key that no store can look up', (tooLong) => {
    expect(() => trip.given().when(TripRequested, { tripId: tooLong, city: 'Rome' })).toThrow(
      /names no saga; it has at most 800/,
    );
    expect(trip.given().when(TripRequested, { tripId: '水'.repeat(800), city: 'Rome' }).done).toBe(
      false,
    );
  });

  it('refuses a state its schema does not know, also one stored by another version', () => {
    const stored = { state: { tripId, city: 'Rome', stage: 'swimming' }, done: false };
    const take = () => trip.take(stored, HotelBooked, { tripId }, info);
    expect(take).toThrow(SagaError);
    expect(take).toThrow(/^trip: the stored state is not what the schema says: stage: \S/);
    const lost = saga('lost', {
      state: z.object({ id: z.string(), at: z.object({ city: z.string() }) }),
      by: 'id',
    }).startsOn(Named, ({ id }) => next({ id, at: {} as never }));
    expect(() => lost.given().when(Named, { id: 'a' })).toThrow(
      /^lost: the state after names.named is not what the schema says: at\.city: \S/,
    );
  });

  it('refuses a step for what it has no step for, and two steps for one contract', () => {
    expect(() => trip.given().when(Named as never, { tripId } as never)).toThrow(
      'has no step for names.named',
    );
    expect(() => counter().on(Named, (state) => next(state))).toThrow(
      'has two steps for names.named',
    );
  });

  it.each(['Trip', '2nd', 'a_trip', 'a trip', '', '-trip'])(
    'refuses the name "%s", which is none in lower case with dashes',
    (name) => {
      expect(() => saga(name, { state: z.object({ id: z.string() }), by: 'id' })).toThrow(
        `"${name}" is not a saga's name`,
      );
    },
  );

  it('is remembered for 30 days when it is finished, and ignores strangers, if it says nothing else', () => {
    expect(counter()).toMatchObject({ keep: 30 * 86_400_000, unknown: 'ignore' });
  });

  it('refuses a state that is not JSON while it is defined', () => {
    expect(() =>
      saga('dated', { state: z.object({ id: z.string(), due: z.date() }), by: 'id' }),
    ).toThrow(/^dated is stored as JSON: the state.* z\.iso\.datetime\(\)/);
  });
});

describe('a state that is no plain JSON', () => {
  const State = z.object({ id: z.string(), note: z.unknown() });
  const noted = saga('noted', { state: State, by: 'id' });

  it('is stored as steps will read it', () => {
    const state = { id: 'n-1', note: { of: [1, null, 'x'] } };
    expect(noted.opened(noted.stored(state))).toEqual(state);
  });

  it.each<[string, unknown, string]>([
    ['a date', new Date(0), 'note'],
    ['an item that is undefined', [undefined], 'note.0'],
  ])('is refused before it is stored as another one: %s', (_, note, path) => {
    const stored = () => noted.stored({ id: 'n-1', note });
    expect(stored).toThrow(SagaError);
    expect(stored).toThrow(`noted: the state: ${path} `);
  });
});

describe('the timeouts of a saga', () => {
  const turnOf = (state: object, contract: typeof FlightBooked, message: object) =>
    trip.take({ state, done: false }, contract, message, info);

  it('begin with the saga and with the stage they belong to', () => {
    const turn = trip.take(undefined, TripRequested, { tripId, city: 'Rome' }, info);
    expect(turn).toMatchObject({
      arm: [
        { name: 'in flying', after: 120_000 },
        { name: 'overdue', after: 900_000 },
      ],
      disarm: [],
    });
  });

  it('stop when their stage is left, or the saga ends', () => {
    expect(turnOf(flying.state!, FlightBooked, { tripId, seat: '4A' })).toMatchObject({
      arm: [],
      disarm: ['in flying'],
    });
    expect(
      trip.take({ state: sleeping.state, done: false }, HotelBooked, { tripId }, info),
    ).toMatchObject({ done: true, arm: [], disarm: [] });
  });

  it('of a stage begin when it is entered, and those of the saga are not armed again', () => {
    const staged = saga('staged', {
      state: z.object({ id: z.string(), stage: z.enum(['one', 'two']) }),
      by: 'id',
    })
      .startsOn(Named, ({ id }) => next({ id, stage: 'one' }))
      .on(Renamed, (state) => next({ ...state, stage: 'two' }))
      .after('1m', { in: 'two' }, (state) => next(state))
      .after('2m', 'overdue', (state) => end(state));
    const named = (state?: object) =>
      staged.take(state && { state, done: false }, state ? Renamed : Named, { id: 'a' }, info);
    expect(named()).toMatchObject({ arm: [{ name: 'overdue' }], disarm: [] });
    expect(named({ id: 'a', stage: 'one' })).toMatchObject({
      arm: [{ name: 'in two', after: 60_000, stage: 'two' }],
      disarm: [],
    });
    expect(named({ id: 'a', stage: 'two' })).toMatchObject({ arm: [], disarm: [] });
  });

  it('are told apart by their names', () => {
    const twice = () =>
      counter()
        .after('1m', 'reminder', (state) => end(state))
        .after('2m', 'reminder', (state) => end(state));
    expect(twice).toThrow('counter: there are two timeouts "reminder"');
  });

  it('run again while their step leaves the saga in the stage', () => {
    const turn = trip.takeTimeout({ state: flying.state, done: false }, 'in flying', {
      ...info,
      times: 1,
    });
    expect(turn).toMatchObject({ arm: [{ name: 'in flying' }], out: [{ contract: BookFlight }] });
    expect(flying.whenTimeout({ in: 'flying' }, 3)).toMatchObject({
      done: true,
      state: { stage: 'refused' },
    });
  });

  it('run out by name, and only those that are running', () => {
    expect(sleeping.whenTimeout()).toMatchObject({
      state: { stage: 'unbooking', reason: 'overdue' },
    });
    expect(() => flying.whenTimeout()).toThrow('say which timeout: in flying, overdue');
    expect(() => sleeping.whenTimeout({ in: 'flying' })).toThrow(
      'no timeout "in flying" is running',
    );
  });

  it('of a finished saga are ignored, and so are those that a later version no longer has', () => {
    const booked = { state: { ...flying.state, stage: 'booked' }, done: true };
    expect(trip.takeTimeout(booked, 'overdue', { ...info, times: 1 })).toEqual({
      ignored: 'finished',
    });
    expect(
      trip.takeTimeout({ state: flying.state, done: false }, 'of old', { ...info, times: 1 }),
    ).toEqual({ ignored: 'unknown' });
  });
});

describe('the ids a step derives', () => {
  it('are UUIDs, one for each label, and the same when the step is taken again', () => {
    const again = idsFor('trip', tripId, 'test');
    expect(z.uuid().safeParse(info.id('refund')).success).toBe(true);
    expect(again('refund')).toBe(info.id('refund'));
    expect(again('parcel')).not.toBe(info.id('refund'));
    expect(idsFor('trip', tripId, 'another message')('refund')).not.toBe(info.id('refund'));
  });
});

const Named = event('names.named', z.object({ id: z.string() }), { key: 'id' });
const Renamed = event('names.renamed', z.object({ id: z.string() }), { key: 'id' });
const counter = () =>
  saga('counter', { state: z.object({ id: z.string() }), by: 'id' }).startsOn(Named, ({ id }) =>
    end({ id }),
  );
