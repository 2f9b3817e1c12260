import { end, next, saga, send, stay } from '@parley/sagas';
import { z } from 'zod';
import { BookingPaid, PrintTicket, ReleaseSeat, SeatReserved } from './messages.js';

const Booking = z.object({
  bookingId: z.string(),
  seat: z.string(),
  stage: z.enum(['unpaid', 'paid', 'expired']),
});

/** A seat is kept for five seconds; who has not paid by then loses it. */
export const booking = saga('booking', { state: Booking, by: 'bookingId' })
  .startsOn(SeatReserved, ({ bookingId, seat }) => next({ bookingId, seat, stage: 'unpaid' }))
  .on(BookingPaid, (booked) => {
    const { bookingId, seat } = booked;
    return booked.stage === 'unpaid'
      ? end({ ...booked, stage: 'paid' }, send(PrintTicket, { bookingId, seat }))
      : stay(booked);
  })
  .after('5s', { in: 'unpaid' }, ({ bookingId, seat }) =>
    end({ bookingId, seat, stage: 'expired' }, send(ReleaseSeat, { bookingId, seat })),
  );
