import { randomUUID } from 'node:crypto';
import { CommandBus } from '@nestjs/cqrs';
import { broadcast as broadcastOf, event, wire, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { currentConversation, type Envelope, UnrecoverableError } from '@parley/messaging';
import { HandlerRuns } from '@parley/messaging/transport';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import {
  BookFlight,
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
import { MemorySagaStore } from './memory-saga-store';
import { saga } from './saga';
import type { Definition } from './definition';
import { SagaDispatcher } from './saga-dispatcher';
import { broadcast, end, execute, next, send } from './step';
import { Timeouts } from './timeouts';
import { type SagaMessage, SagaRunner } from './saga-runner';

function system({
  sagas = [trip],
  bus = true,
  counts = true,
}: { sagas?: readonly Definition[]; bus?: boolean; counts?: boolean } = {}) {
  const clock = new VirtualClock();
  const store = new MemorySagaStore(clock);
  const database = new MemoryStore(clock);
  const transactions = {
    run: <T>(work: (tx: never) => Promise<T>) =>
      database.transaction(work as (tx: object) => Promise<T>),
    commit: database.transaction.bind(database),
  };
  const sent: { verb: string; what: unknown; message?: object; correlationId?: string }[] = [];
  const log = jest.fn();
  const broken = { by: undefined as Error | undefined };
  const hanging = new Set<string>();
  const say = (verb: string) => async (contract: Contract, message: object) => {
    if (broken.by) throw broken.by;
    sent.push({
      verb,
      what: contract.name,
      message,
      correlationId: currentConversation()?.correlationId,
    });
  };
  const modules = {
    get: (token: unknown) => {
      if (token !== CommandBus || !bus) throw new Error('no such provider');
      return {
        execute: async (command: object) => {
          if (hanging.has((command as RefuseTrip).tripId)) await new Promise(() => undefined);
          sent.push({ verb: 'execute', what: command });
        },
      };
    },
  };
  const messenger = { send: say('send'), publish: say('publish'), broadcast: say('broadcast') };
  const turns = new SagaRunner(
    store,
    new SagaDispatcher(messenger as never, modules as never),
    clock,
    log,
  );
  const runs = new HandlerRuns(clock, log);
  const timeouts = new Timeouts(sagas, store, turns, {
    service: 'trips',
    instance: 'trips-1',
    clock,
    log,
    transactions,
    ...(counts && { suspects: database.suspects }),
    bounded: (facts, work) => runs.bounded(facts, work),
  });
  const deliverAll = (contract: Contract, messages: readonly SagaMessage[]) =>
    transactions.run((tx) => turns.onMessages(tx, sagas[0]!, contract, messages));
  const deliver = (contract: Contract, message: object, id: string = randomUUID()) =>
    deliverAll(contract, [{ message, envelope: envelope(id) }]);
  const find = (key: string, name = 'trip') => transactions.run((tx) => store.find(tx, name, key));
  const { suspects } = database;
  return {
    clock,
    sent,
    log,
    broken,
    hanging,
    runs,
    timeouts,
    store,
    suspects,
    deliver,
    deliverAll,
    find,
  };
}

const envelope = (id: string, correlationid = 'the journey') =>
  ({
    id,
    correlationid,
    traceparent: '00-11112222333344445555666677778888-1111222233334444-01',
  }) as Envelope;
const tripId = 'trip-1';
const names = (sent: { what: unknown }[]) =>
  sent.map(({ what }) => (typeof what === 'string' ? what : what!.constructor.name));

describe('a message', () => {
  it('starts a saga, says what its step returns and is remembered', async () => {
    const { deliver, sent, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' }, 'message-1');
    expect(sent).toMatchObject([
      { verb: 'send', what: BookFlight.name, message: { tripId, city: 'Rome' } },
    ]);
    expect(await find(tripId)).toMatchObject({
      stage: 'flying',
      correlationId: 'the journey',
      history: [
        {
          at: '2026-01-01T00:00:00.000Z',
          trigger: TripRequested.name,
          messageId: 'message-1',
          to: 'flying',
          said: [BookFlight.name],
        },
      ],
      timeouts: [{ name: 'in flying' }, { name: 'overdue' }],
    });
  });

  it('moves it on to its end, and later ones are ignored', async () => {
    const { deliver, sent, find, log } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(FlightBooked, { tripId, seat: '4A' });
    await deliver(HotelBooked, { tripId });
    expect(await find(tripId)).toMatchObject({
      done: true,
      stage: 'booked',
      version: 3,
      timeouts: [],
    });
    await deliver(HotelFull, { tripId, reason: 'late' });
    expect(names(sent)).toEqual([BookFlight.name, 'hotels.book-hotel', TripBooked.name]);
    expect(log).toHaveBeenLastCalledWith(
      'debug',
      expect.stringContaining('ignores hotels.hotel-full: finished'),
    );
  });

  it('runs a local command where the step says so', async () => {
    const { deliver, sent } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(FlightBooked, { tripId, seat: '4A' });
    await deliver(HotelFull, { tripId, reason: 'no room' });
    await deliver(FlightCancelled, { tripId });
    expect(sent.at(-1)).toEqual({ verb: 'execute', what: new RefuseTrip(tripId, 'no room') });
  });

  it('says what is missing when there is no CommandBus', async () => {
    const { deliver } = system({ bus: false });
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await expect(deliver(FlightCancelled, { tripId })).rejects.toThrow(
      'RefuseTrip cannot be executed: there is no CommandBus; import CqrsModule.forRoot()',
    );
  });

  it('S1 that starts a saga a second time changes nothing and says nothing', async () => {
    const { deliver, sent, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(TripRequested, { tripId, city: 'Lima' });
    expect(sent).toHaveLength(1);
    expect(await find(tripId)).toMatchObject({ version: 1, state: { city: 'Rome' } });
  });

  it('S3 whose words cannot be said leaves the saga as it was', async () => {
    const { deliver, broken, find } = system();
    broken.by = new Error('no route');
    await expect(deliver(TripRequested, { tripId, city: 'Rome' })).rejects.toThrow('no route');
    expect(await find(tripId)).toBeUndefined();
  });

  it('that leaves the saga as it is stores nothing', async () => {
    const { deliver, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(FlightBooked, { tripId, seat: '4A' });
    await deliver(FlightBooked, { tripId, seat: '5B' });
    expect(await find(tripId)).toMatchObject({ version: 2, state: { seat: '4A' } });
  });

  it('S7 for a saga that never started is ignored', async () => {
    const { deliver, log } = system();
    await deliver(HotelBooked, { tripId });
    expect(log).toHaveBeenCalledWith('debug', 'trip trip-1 ignores hotels.hotel-booked: unknown');
  });

  it('S7 for a saga that never started is dead-lettered where the saga says so', async () => {
    const strict = saga('strict', {
      state: z.object({ tripId: z.string() }),
      by: 'tripId',
      unknown: 'dead-letter',
    }).on(HotelBooked, (state) => end(state));
    const { deliver } = system({ sagas: [strict] });
    const delivered = deliver(HotelBooked, { tripId });
    await expect(delivered).rejects.toThrow(UnrecoverableError);
    await expect(delivered).rejects.toThrow(
      'hotels.hotel-booked is for strict trip-1, which never started; replay it when it did',
    );
  });

  it('for a saga that started twice or is over is ignored where those for unknown ones are dead-lettered', async () => {
    const strict = saga('strict', {
      state: z.object({ tripId: z.string() }),
      by: 'tripId',
      unknown: 'dead-letter',
    })
      .startsOn(TripRequested, ({ tripId }) => next({ tripId }))
      .on(HotelBooked, (state) => end(state));
    const { deliver, find } = system({ sagas: [strict] });
    for (let copy = 0; copy < 2; copy++) await deliver(TripRequested, { tripId, city: 'Rome' });
    for (let copy = 0; copy < 2; copy++) await deliver(HotelBooked, { tripId });
    expect(await find(tripId, 'strict')).toMatchObject({ version: 2, done: true });
  });

  it('may make a saga broadcast', async () => {
    const Left = broadcastOf('trips.trip-left', z.object({ tripId: z.string() }));
    const loud = saga('loud', { state: z.object({ tripId: z.string() }), by: 'tripId' }).startsOn(
      TripRequested,
      ({ tripId }) => end({ tripId }, broadcast(Left, { tripId })),
    );
    const { deliver, sent } = system({ sagas: [loud] });
    await deliver(TripRequested, { tripId, city: 'Rome' });
    expect(sent).toMatchObject([{ verb: 'broadcast', what: Left.name, message: { tripId } }]);
  });

  it('S8 whose step breaks the rules is not tried again', async () => {
    const moody = saga('moody', { state: z.object({ tripId: z.string() }), by: 'tripId' }).startsOn(
      TripRequested,
      () => next({ tripId: 'another' }),
    );
    const { deliver } = system({ sagas: [moody] });
    await expect(deliver(TripRequested, { tripId, city: 'Rome' })).rejects.toThrow(
      UnrecoverableError,
    );
  });

  it('handled again after a crash gives things the same ids', async () => {
    const refund = async () => {
      const { deliver, sent } = system();
      await deliver(TripRequested, { tripId, city: 'Rome' });
      await deliver(FlightBooked, { tripId, seat: '4A' });
      await deliver(HotelFull, { tripId, reason: 'no room' }, 'the same message');
      return (sent.at(-1)!.message as { refundId: string }).refundId;
    };
    expect(await refund()).toBe(await refund());
  });
});

/** Takes the steps that are due, in a process that ends as soon as the first of them has begun. */
async function endingIn(timeouts: Timeouts, suspects: MemoryStore['suspects']): Promise<void> {
  const { begin, end } = suspects;
  suspects.begin = async (...step) => {
    suspects.begin = begin;
    await begin.apply(suspects, step);
    throw new Error('the process ends here');
  };
  suspects.end = async () => void (suspects.end = end);
  await timeouts.takeDue();
}

describe('messages that arrived together', () => {
  const one = (message: object, conversation?: string): SagaMessage => ({
    message,
    envelope: envelope(randomUUID(), conversation),
  });

  it('move each saga on, in the conversation of its own message', async () => {
    const { deliverAll, sent, find } = system();
    await deliverAll(TripRequested, [
      one({ tripId: 'a', city: 'Rome' }, 'to Rome'),
      one({ tripId: 'b', city: 'Oslo' }, 'to Oslo'),
    ]);
    await deliverAll(FlightBooked, [
      one({ tripId: 'b', seat: '1B' }, 'to Oslo'),
      one({ tripId: 'nobody', seat: '1C' }),
      one({ tripId: 'a', seat: '1A' }, 'to Rome'),
    ]);
    expect(sent.map(({ what, message, correlationId }) => [what, message, correlationId])).toEqual([
      [BookFlight.name, { tripId: 'a', city: 'Rome' }, 'to Rome'],
      [BookFlight.name, { tripId: 'b', city: 'Oslo' }, 'to Oslo'],
      ['hotels.book-hotel', { tripId: 'b' }, 'to Oslo'],
      ['hotels.book-hotel', { tripId: 'a' }, 'to Rome'],
    ]);
    expect(await find('a')).toMatchObject({ correlationId: 'to Rome', state: { seat: '1A' } });
    expect(await find('b')).toMatchObject({ correlationId: 'to Oslo', state: { seat: '1B' } });
  });

  it('of one saga follow each other: the second sees the effect of the first', async () => {
    const { deliverAll, deliver, sent, find } = system();
    await deliverAll(TripRequested, [one({ tripId, city: 'Rome' }), one({ tripId, city: 'Lima' })]);
    await deliverAll(FlightBooked, [one({ tripId, seat: '4A' }), one({ tripId, seat: '5B' })]);
    expect(await find(tripId)).toMatchObject({ version: 2, state: { city: 'Rome', seat: '4A' } });
    expect(names(sent)).toEqual([BookFlight.name, 'hotels.book-hotel']);
    await deliver(HotelBooked, { tripId });
    expect(await find(tripId)).toMatchObject({ done: true });
  });

  it('change nothing at all when one of them cannot be said', async () => {
    const { deliverAll, broken, find } = system();
    broken.by = new Error('no route');
    const both = ['a', 'b'].map((tripId) => one({ tripId, city: 'Rome' }));
    await expect(deliverAll(TripRequested, both)).rejects.toThrow('no route');
    expect([await find('a'), await find('b')]).toEqual([undefined, undefined]);
  });
});

describe('a timeout', () => {
  it('takes its step when it is due, in the conversation of the saga, and not before', async () => {
    const { deliver, timeouts, clock, sent } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance(118_500);
    expect(await timeouts.takeDue()).toBe(1_500);
    await clock.advance(1_500);
    await timeouts.takeDue();
    expect(names(sent)).toEqual([BookFlight.name, BookFlight.name]);
    expect(sent[1]).toMatchObject({ correlationId: 'the journey' });
  });

  it('counts how often it ran out, and ends what it must', async () => {
    const { deliver, timeouts, clock, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    for (const stage of ['flying', 'flying', 'refused']) {
      await clock.advance(120_000);
      await timeouts.takeDue();
      expect(await find(tripId)).toMatchObject({ stage });
    }
    expect(await find(tripId)).toMatchObject({
      done: true,
      timeouts: [],
      history: [{}, { trigger: 'in flying' }, {}, { to: 'refused', said: [] }],
    });
  });

  it.each(['a message', 'a timeout'])(
    'of a stage that %s began runs from then on, and counts from one',
    async (beginning) => {
      const State = z.object({
        tripId: z.string(),
        stage: z.enum(['flying', 'sleeping', 'refused']),
        times: z.int().optional(),
      });
      const staged = saga('staged', { state: State, by: 'tripId' })
        .startsOn(TripRequested, ({ tripId }) => next({ tripId, stage: 'flying' }))
        .on(FlightBooked, (state) => next({ ...state, stage: 'sleeping' }))
        .after('1m', { in: 'flying' }, (state, { times }) =>
          next(times < 2 ? state : { ...state, stage: 'sleeping' }),
        )
        .after('1m', { in: 'sleeping' }, (state, { times }) =>
          end({ ...state, stage: 'refused', times }),
        );
      const { deliver, timeouts, clock, find } = system({ sagas: [staged] });
      await deliver(TripRequested, { tripId, city: 'Rome' });
      for (const _ of [1, 2]) {
        await clock.advance('1m');
        if (beginning === 'a timeout') await timeouts.takeDue();
      }
      if (beginning === 'a message') await deliver(FlightBooked, { tripId, seat: '4A' });
      expect(await find(tripId, 'staged')).toMatchObject({
        stage: 'sleeping',
        timeouts: [{ name: 'in sleeping' }],
      });
      await clock.advance('59s');
      await timeouts.takeDue();
      expect(await find(tripId, 'staged')).toMatchObject({ done: false });
      await clock.advance('1s');
      await timeouts.takeDue();
      expect(await find(tripId, 'staged')).toMatchObject({ done: true, state: { times: 1 } });
    },
  );

  it('whose step stays leaves the saga running', async () => {
    const { deliver, timeouts, clock, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(FlightBooked, { tripId, seat: '4A' });
    await deliver(HotelFull, { tripId, reason: 'no room' });
    await clock.advance('15m');
    await timeouts.takeDue();
    expect(await find(tripId)).toMatchObject({ done: false, stage: 'unbooking', timeouts: [] });
    await deliver(FlightCancelled, { tripId });
    expect(await find(tripId)).toMatchObject({ done: true });
  });

  it('gives things other ids each time, and the same when its step is taken again after a crash', async () => {
    const asking = saga('asking', {
      state: z.object({ tripId: z.string(), stage: z.enum(['asking']) }),
      by: 'tripId',
    })
      .startsOn(TripRequested, ({ tripId }) => next({ tripId, stage: 'asking' }))
      .after('1m', { in: 'asking' }, (state, { id }) =>
        next(state, send(CancelFlight, { tripId: state.tripId, refundId: id('refund') })),
      );
    const refunds = async () => {
      const { deliver, timeouts, clock, sent } = system({ sagas: [asking] });
      await deliver(TripRequested, { tripId, city: 'Rome' });
      for (const _ of [1, 2]) {
        await clock.advance('1m');
        await timeouts.takeDue();
      }
      return sent.map(({ message }) => (message as { refundId: string }).refundId);
    };
    const ids = await refunds();
    expect(new Set(ids).size).toBe(2);
    expect(await refunds()).toEqual(ids);
  });

  it('that another instance holds is looked for again a second later', async () => {
    const { deliver, timeouts, clock, store } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance('2m');
    store.claim = async () => undefined;
    expect(await timeouts.takeDue()).toBe(1_000);
  });

  it('is told of while the store does not answer which one is due', async () => {
    const { deliver, timeouts, clock, store, runs } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance('2m');
    store.claim = () => new Promise(() => undefined);
    const taking = expect(timeouts.takeDue()).rejects.toThrow('timeout of 30000 ms');
    await clock.advance('31s');
    expect(runs.overdue()).toMatchObject([
      {
        kind: 'event',
        contract: 'sagas',
        subscription: 'trips.sagas',
        id: '',
        handler: 'the timeout ""',
      },
    ]);
    await clock.advance('4s');
    await taking;
  });

  it('is taken, too, where unfinished steps are not counted', async () => {
    const { deliver, timeouts, clock, sent } = system({ counts: false });
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance('2m');
    await timeouts.takeDue();
    expect(sent).toHaveLength(2);
  });

  it('of a stage that was left never runs out', async () => {
    const { deliver, timeouts, clock, sent } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(FlightBooked, { tripId, seat: '4A' });
    await clock.advance(600_000);
    await timeouts.takeDue();
    expect(sent).toHaveLength(2);
  });

  it('S6 of a finished saga never runs out', async () => {
    const { deliver, timeouts, clock, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(FlightCancelled, { tripId });
    await clock.advance(3_600_000);
    await timeouts.takeDue();
    expect(await find(tripId)).toMatchObject({ version: 2, stage: 'refused' });
  });

  it('whose step fails is taken again, more and more rarely, and others are not held up', async () => {
    const { deliver, timeouts, clock, broken, find, log, sent } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await deliver(TripRequested, { tripId: 'trip-2', city: 'Oslo' });
    await clock.advance(120_000);
    broken.by = new Error('no route');
    await timeouts.takeDue();
    for (const key of [tripId, 'trip-2'])
      expect((await find(key))!.timeouts).toContainEqual(
        expect.objectContaining({ name: 'in flying', failures: 1, error: 'no route' }),
      );
    expect(log).toHaveBeenCalledWith(
      'error',
      expect.stringContaining('"in flying" of trip trip-1 failed, again in 1000 ms: no route'),
      expect.anything(),
    );
    await clock.advance(1_000);
    await timeouts.takeDue();
    expect(log).toHaveBeenLastCalledWith(
      'error',
      expect.stringContaining('again in 10000 ms'),
      expect.anything(),
    );
    for (const [waited, again] of [
      [10_000, 60_000],
      [60_000, 300_000],
      [300_000, 300_000],
      [300_000, 300_000],
    ]) {
      await clock.advance(waited!);
      await timeouts.takeDue();
      expect(log).toHaveBeenLastCalledWith(
        'error',
        expect.stringContaining(`again in ${again} ms`),
        expect.anything(),
      );
    }
    broken.by = undefined;
    await clock.advance(300_000);
    await timeouts.takeDue();
    expect((await find(tripId))!.timeouts).not.toContainEqual(
      expect.objectContaining({ failures: 6 }),
    );
    expect(names(sent.slice(2))).toContain(BookFlight.name);
  });

  it('whose local command never ends is ended, told of and taken again later; others are taken meanwhile', async () => {
    const refusing = saga('refusing', { state: z.object({ tripId: z.string() }), by: 'tripId' })
      .startsOn(TripRequested, ({ tripId }) => next({ tripId }))
      .after('1m', 'refusal', (state) => end(state, execute(new RefuseTrip(state.tripId, 'late'))));
    const { deliver, timeouts, clock, hanging, runs, sent, find, log } = system({
      sagas: [refusing],
    });
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    hanging.add('hangs');
    for (const key of ['hangs', 'good'])
      await deliver(TripRequested, { tripId: key, city: 'Rome' });
    await clock.advance('1m');
    await clock.advance('34s');
    expect(runs.overdue()).toMatchObject([
      {
        kind: 'event',
        contract: 'refusing',
        subscription: 'trips.refusing',
        id: 'hangs',
        handler: 'the timeout "refusal"',
        ended: false,
      },
    ]);
    await clock.advance('1.5s');
    expect(sent).toEqual([{ verb: 'execute', what: new RefuseTrip('good', 'late') }]);
    expect((await find('hangs', 'refusing'))!).toMatchObject({
      done: false,
      timeouts: [{ failures: 1, error: expect.stringContaining('timeout of 30000 ms') }],
    });
    expect(log).toHaveBeenCalledWith('warn', expect.stringContaining('refusing hangs in trips.'));
    hanging.clear();
    await clock.advance('2s');
    expect(await find('hangs', 'refusing')).toMatchObject({ done: true });
    await timeouts.stop();
  });

  it('keeps the reason of a failed step without secrets and without characters that no store takes', async () => {
    const paying = saga('paying', {
      state: z.object({ tripId: z.string(), token: z.string() }),
      by: 'tripId',
      secret: { fields: { token: 'expired' }, life: '1d' },
    })
      .startsOn(TripRequested, ({ tripId }) => next({ tripId, token: 'tok_4242' }))
      .after('1m', 'reminder', ({ token }) => {
        throw new Error(`the provider\0 refuses ${token}`);
      });
    const { deliver, timeouts, clock, find, log } = system({ sagas: [paying] });
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance('1m');
    const kept = (await find(tripId, 'paying'))!.timeouts;
    expect(kept).toMatchObject([{ failures: 1, error: 'the provider\ufffd refuses …' }]);
    expect(JSON.stringify(log.mock.calls)).not.toContain('tok_4242');
    await timeouts.stop();
  });

  it('whose process ended while its step was taken counts as failed, and is taken again later', async () => {
    const { deliver, timeouts, clock, suspects, find, sent } = system();
    for (const key of [tripId, 'trip-2'])
      await deliver(TripRequested, { tripId: key, city: 'Rome' });
    await clock.advance('2m');
    await endingIn(timeouts, suspects);
    expect(sent.slice(2)).toMatchObject([{ message: { tripId: 'trip-2' } }]);
    await clock.advance('1s');
    await timeouts.takeDue();
    expect(sent).toHaveLength(3);
    expect((await find(tripId))!.timeouts).toContainEqual(
      expect.objectContaining({
        name: 'in flying',
        failures: 2,
        error: expect.stringMatching(/its process ended, .* while the step was taken: .* trips-1$/),
      }),
    );
    await clock.advance('10s');
    await timeouts.takeDue();
    expect(sent.slice(3)).toMatchObject([{ message: { tripId } }]);
  });

  it('is not blamed for a step that failed while its store was away', async () => {
    const { deliver, timeouts, clock, broken, store, suspects, sent } = system();
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    broken.by = new Error('away');
    const postpone = jest.spyOn(store, 'postpone').mockRejectedValueOnce(broken.by);
    await clock.advance('2m');
    expect([postpone.mock.calls.length, sent.length]).toEqual([1, 1]);
    broken.by = undefined;
    await clock.advance('1s');
    expect([postpone.mock.calls.length, sent.length]).toEqual([1, 2]);
    const step = idsFor('trip', tripId, 'in flying 1')('step');
    expect(await suspects.unfinished('trips.trip', step)).toEqual([]);
    await timeouts.stop();
  });

  it('is not blamed for the step of another one of its saga', async () => {
    const { deliver, timeouts, clock, suspects, find } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance('2m');
    await endingIn(timeouts, suspects);
    await deliver(FlightBooked, { tripId, seat: '4A' });
    await clock.advance('13m');
    await timeouts.takeDue();
    expect(await find(tripId)).toMatchObject({ stage: 'unbooking' });
  });

  it('whose step is under way when the service stops ends first, and no other begins', async () => {
    const refusing = saga('refusing', { state: z.object({ tripId: z.string() }), by: 'tripId' })
      .startsOn(TripRequested, ({ tripId }) => next({ tripId }))
      .after('1m', 'refusal', (state) => end(state, execute(new RefuseTrip(state.tripId, 'late'))));
    const { deliver, timeouts, clock, hanging, sent, store } = system({ sagas: [refusing] });
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    hanging.add('hangs');
    for (const key of ['hangs', 'other'])
      await deliver(TripRequested, { tripId: key, city: 'Rome' });
    await clock.advance('1m');
    let isStopped = false;
    const stopped = timeouts.stop().then(() => (isStopped = true));
    await clock.advance('34s');
    expect(isStopped).toBe(false);
    await clock.advance('2s');
    await stopped;
    const asked = jest.spyOn(store, 'nextDue');
    await clock.advance('10m');
    expect([sent, asked.mock.calls]).toEqual([[], []]);
  });

  it('is looked for again a second after its store was away', async () => {
    const { deliver, timeouts, clock, store, sent, log } = system();
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    const { nextDue, claim } = store;
    const away = () => Promise.reject(new Error('nobody there'));
    for (const what of ['nextDue', 'claim'] as const) {
      Object.assign(store, { nextDue, claim, [what]: away });
      log.mockClear();
      await clock.advance('2m');
      expect(log).toHaveBeenLastCalledWith(
        'warn',
        'the timeouts of sagas cannot be read, again in 1000 ms: nobody there',
        expect.anything(),
      );
    }
    store.claim = claim;
    await clock.advance('1s');
    expect(sent).toHaveLength(2);
    await timeouts.stop();
  });

  it('is looked for by itself from the start until the stop, once the application is there', async () => {
    const { deliver, timeouts, clock, sent } = system();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await timeouts.start();
    await clock.advance('3m');
    expect(sent).toHaveLength(1);
    timeouts.onApplicationBootstrap();
    await clock.advance('1s');
    expect(sent).toHaveLength(2);
    await timeouts.stop();
    await clock.advance('10m');
    expect(sent).toHaveLength(2);
  });
});

describe('a finished saga', () => {
  it('S5 is forgotten after the time it is kept, and its key can be used again', async () => {
    const brief = saga('brief', {
      state: z.object({ tripId: z.string() }),
      by: 'tripId',
      keep: '1h',
    })
      .startsOn(TripRequested, ({ tripId }) =>
        end({ tripId }, send(BookFlight, { tripId, city: 'Rome' })),
      )
      .after('1d', 'never', (state) => end(state));
    const { deliver, timeouts, clock, sent, find } = system({ sagas: [brief] });
    await deliver(TripRequested, { tripId, city: 'Rome' });
    await clock.advance(3_700_000);
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    await clock.advance('1s');
    await timeouts.stop();
    expect(await find(tripId, 'brief')).toBeUndefined();
    await deliver(TripRequested, { tripId, city: 'Rome' });
    expect(sent).toHaveLength(2);
  });
});

describe('finished sagas', () => {
  it('are forgotten as long as the service runs, each after its time', async () => {
    const brief = saga('brief', {
      state: z.object({ tripId: z.string() }),
      by: 'tripId',
      keep: '1h',
    }).startsOn(TripRequested, ({ tripId }) => end({ tripId }));
    const { deliver, timeouts, clock, find } = system({ sagas: [brief] });
    timeouts.onApplicationBootstrap();
    await timeouts.start();
    for (const key of ['first', 'second']) {
      await deliver(TripRequested, { tripId: key, city: 'Rome' });
      await clock.advance('59m');
      expect(await find(key, 'brief')).toBeDefined();
      await clock.advance('12m');
      expect(await find(key, 'brief')).toBeUndefined();
    }
    await timeouts.stop();
  });
});

describe('a state with dates and big integers', () => {
  const Paid = event(
    'meter.bill-paid',
    z.object({ bill: z.string(), at: wire.date(), amount: wire.decimal(2) }),
    { key: 'bill' },
  );
  const State = z.object({ bill: z.string(), first: wire.date(), sum: wire.bigint() });
  const bills = saga('bills', { state: State, by: 'bill' })
    .startsOn(Paid, ({ bill, at, amount }) => next({ bill, first: at, sum: amount }))
    .after('1d', 'reminder', ({ first, ...state }) =>
      end({ ...state, first, sum: state.sum + BigInt(first.getTime()) }),
    );

  it('is stored as text, and has its values in every step', async () => {
    const { deliver, find, clock, timeouts } = system({ sagas: [bills] });
    await deliver(Paid, { bill: 'b', at: new Date(5), amount: 2n ** 70n });
    expect(await find('b', 'bills')).toMatchObject({
      state: { first: '1970-01-01T00:00:00.005Z', sum: String(2n ** 70n) },
    });
    await clock.advance('1d');
    await timeouts.takeDue();
    expect(await find('b', 'bills')).toMatchObject({
      done: true,
      state: { sum: String(2n ** 70n + 5n) },
    });
  });

  it('is tried by hand as it is', () => {
    const given = bills
      .given()
      .when(Paid, { bill: 'b', at: '1970-01-01T00:00:00.005Z', amount: 5n });
    expect(given.state).toEqual({ bill: 'b', first: new Date(5), sum: 5n });
    expect(given.whenTimeout('reminder').state?.sum).toBe(10n);
  });
});
