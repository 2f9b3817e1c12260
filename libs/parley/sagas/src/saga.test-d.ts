// Code that must not compile.
import { broadcast, call, command, event } from '@parley/contract';
import { z } from 'zod';
import { saga } from './saga';
import { end, next, publish, send } from './step';

const Id = z.object({ tripId: z.string() });
const Requested = event('trips.requested', Id.extend({ city: z.string() }), { key: 'tripId' });
const Book = command('flights.book', Id.extend({ city: z.string() }));
const Booked = event('flights.booked', Id, { key: 'tripId' });
const Landed = event('flights.landed', z.object({ flight: z.string() }), { key: 'flight' });
const Numbered = event('flights.numbered', z.object({ tripId: z.number(), flight: z.string() }), {
  key: 'flight',
});
const Delayed = broadcast('flights.delayed', Id);
const Price = call('flights.price', { request: Id, reply: Id });

const Trip = z.object({ tripId: z.string(), seats: z.int(), stage: z.enum(['flying', 'done']) });
const trip = saga('trip', { state: Trip, by: 'tripId' })
  .startsOn(Requested, ({ tripId, city }, { at, id }) =>
    next({ tripId, seats: 1, stage: 'flying' }, send(Book, { tripId, city: city + at + id('x') })),
  )
  .on(Booked, (trip, { tripId }) => end({ ...trip, tripId, stage: 'done' }))
  .on(Book, (trip) => next(trip));

// @ts-expect-error the message lacks tripId
trip.on(Landed, (trip) => next(trip));
// @ts-expect-error tripId is a number there
trip.on(Numbered, (trip) => next(trip));
// @ts-expect-error a broadcast may be missed: it cannot move a saga
trip.on(Delayed, (trip) => next(trip));
// @ts-expect-error a call is answered now: it cannot move a saga
trip.on(Price, (trip) => next(trip));
// @ts-expect-error nor can it start one
trip.startsOn(Price, ({ tripId }) => next({ tripId, seats: 1, stage: 'flying' }));
// @ts-expect-error the message lacks tripId
trip.startsOn(Landed, () => next({ tripId: '1', seats: 1, stage: 'flying' }));
// @ts-expect-error there is no such stage
trip.on(Booked, (trip) => next({ ...trip, stage: 'swimming' }));
// @ts-expect-error the state lacks seats
trip.on(Booked, ({ tripId }) => next({ tripId, stage: 'done' }));
// @ts-expect-error the message has no seat
trip.on(Booked, (trip, { seat }) => next({ ...trip, seats: seat }));
// @ts-expect-error an event is published, not sent
send(Booked, { tripId: '1' });
// @ts-expect-error a command is sent, not published
publish(Book, { tripId: '1', city: 'Rome' });
// @ts-expect-error city is missing
send(Book, { tripId: '1' });
// @ts-expect-error there is no such stage to wait in
trip.after('2m', { in: 'swimming' }, (trip) => next(trip));
// @ts-expect-error that is not a duration
trip.after('soon', 'overdue', (trip) => next(trip));
// @ts-expect-error the state has no such field
saga('other', { state: Trip, by: 'orderId' });
// @ts-expect-error only a string can tell sagas apart
saga('other', { state: Trip, by: 'seats' });
// @ts-expect-error city is missing
trip.given().when(Requested, { tripId: '1' });
// @ts-expect-error seats is missing
trip.given({ tripId: '1', stage: 'flying' });
