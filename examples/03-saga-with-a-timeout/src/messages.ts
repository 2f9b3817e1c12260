import { command, event, type Message } from '@parley/contract';
import { z } from 'zod';

const Seat = z.object({ bookingId: z.string(), seat: z.string() });

export const SeatReserved = event('cinema.seat-reserved', Seat, { key: 'bookingId' });
export const BookingPaid = event('cinema.booking-paid', Seat.pick({ bookingId: true }), {
  key: 'bookingId',
});

export const PrintTicket = command('cinema.print-ticket', Seat, { key: 'bookingId' });
export type PrintTicket = Message<typeof PrintTicket>;
export const ReleaseSeat = command('cinema.release-seat', Seat, { key: 'bookingId' });
export type ReleaseSeat = Message<typeof ReleaseSeat>;
