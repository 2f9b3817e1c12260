import { randomUUID } from 'node:crypto';
import { Controller, Get, Param, Post } from '@nestjs/common';
import { Handles, Messenger } from '@parley/messaging';
import { SagaOperations, type SagaSummary } from '@parley/sagas';
import { BookingPaid, PrintTicket, ReleaseSeat, SeatReserved } from './messages.js';

@Controller('bookings')
export class SeatsController {
  constructor(
    private readonly messenger: Messenger,
    private readonly sagas: SagaOperations,
  ) {}

  @Get()
  list(): Promise<readonly SagaSummary[]> {
    return this.sagas.list();
  }

  @Post(':seat')
  async book(@Param('seat') seat: string): Promise<{ bookingId: string }> {
    const bookingId = randomUUID();
    await this.messenger.publish(SeatReserved, { bookingId, seat });
    return { bookingId };
  }

  @Post(':bookingId/payment')
  async pay(@Param('bookingId') bookingId: string): Promise<void> {
    await this.messenger.publish(BookingPaid, { bookingId });
  }

  @Handles(PrintTicket)
  async print({ seat }: PrintTicket): Promise<void> {
    console.log(`ticket for seat ${seat}`);
  }

  @Handles(ReleaseSeat)
  async release({ seat }: ReleaseSeat): Promise<void> {
    console.log(`seat ${seat} is free again`);
  }
}
