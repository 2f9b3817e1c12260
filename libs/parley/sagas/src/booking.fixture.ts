// The example process of this library's specs: a trip that books a flight, then a hotel, and
// cancels its bookings.
import { command, event } from '@parley/contract';
import { z } from 'zod';
import { saga } from './saga';
import { end, execute, next, publish, send, stay } from './step';

const Id = z.object({ tripId: z.string() });
export const TripRequested = event('trips.trip-requested', Id.extend({ city: z.string() }), {
  key: 'tripId',
});
export const BookFlight = command('flights.book-flight', Id.extend({ city: z.string() }), {
  key: 'tripId',
});
export const FlightBooked = event('flights.flight-booked', Id.extend({ seat: z.string() }), {
  key: 'tripId',
});
export const CancelFlight = command('flights.cancel-flight', Id.extend({ refundId: z.uuid() }), {
  key: 'tripId',
});
export const FlightCancelled = event('flights.flight-cancelled', Id, { key: 'tripId' });
export const BookHotel = command('hotels.book-hotel', Id, { key: 'tripId' });
export const HotelBooked = event('hotels.hotel-booked', Id, { key: 'tripId' });
export const HotelFull = event('hotels.hotel-full', Id.extend({ reason: z.string() }), {
  key: 'tripId',
});
export const TripBooked = event('trips.trip-booked', Id.extend({ at: z.iso.datetime() }), {
  key: 'tripId',
});

export class RefuseTrip {
  constructor(
    readonly tripId: string,
    readonly reason: string,
  ) {}
}

export const Trip = z.object({
  tripId: z.string(),
  city: z.string(),
  stage: z.enum(['flying', 'sleeping', 'unbooking', 'booked', 'refused']),
  seat: z.string().optional(),
  reason: z.string().optional(),
});
export type Trip = z.infer<typeof Trip>;

const unbook = (trip: Trip, reason: string, refundId: string) =>
  next(
    { ...trip, stage: 'unbooking' as const, reason },
    send(CancelFlight, { tripId: trip.tripId, refundId }),
  );

export const trip = saga('trip', { state: Trip, by: 'tripId' })
  .startsOn(TripRequested, ({ tripId, city }) =>
    next({ tripId, city, stage: 'flying' }, send(BookFlight, { tripId, city })),
  )
  .on(FlightBooked, (trip, { seat }) =>
    trip.stage === 'flying'
      ? next({ ...trip, seat, stage: 'sleeping' }, send(BookHotel, { tripId: trip.tripId }))
      : stay(trip),
  )
  .on(HotelBooked, (trip, _message, { at }) =>
    end({ ...trip, stage: 'booked' }, publish(TripBooked, { tripId: trip.tripId, at })),
  )
  .on(HotelFull, (trip, { reason }, { id }) => unbook(trip, reason, id('refund')))
  .on(FlightCancelled, (trip) =>
    end(
      { ...trip, stage: 'refused' },
      execute(new RefuseTrip(trip.tripId, trip.reason ?? 'unknown')),
    ),
  )
  .after('2m', { in: 'flying' }, (trip, { times }) =>
    times < 3
      ? next(trip, send(BookFlight, { tripId: trip.tripId, city: trip.city }))
      : end({ ...trip, stage: 'refused' }),
  )
  .after('15m', 'overdue', (trip, { id }) =>
    trip.stage === 'sleeping' ? unbook(trip, 'overdue', id('refund')) : stay(trip),
  );
