// Three services in one process: trips runs the saga of booking.ts, flights and hotels answer it.
import { type INestApplication, Controller, Injectable, Module } from '@nestjs/common';
import { CommandHandler, CqrsModule, type ICommandHandler } from '@nestjs/cqrs';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  Handles,
  Messaging,
  type MessagingOptions,
  MessagingModule,
  Messenger,
  type Store,
  Transactions,
} from '@parley/messaging';
import { type Clock, systemClock } from '@parley/messaging/transport';
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
} from './booking.fixture';
import { SagaModule } from './saga.module';

/** Cities where something goes wrong. */
export const FULL = 'Full';
export const SILENT = 'Silent';

/** Effects of RefuseTrip, with their transactions. */
@Injectable()
export class Refusals {
  readonly all: { readonly tripId: string; readonly reason: string; readonly tx: object }[] = [];
  failures = 0;
}

@CommandHandler(RefuseTrip)
class RefuseTripHandler implements ICommandHandler<RefuseTrip> {
  constructor(
    private readonly refusals: Refusals,
    private readonly transactions: Transactions,
  ) {}

  async execute({ tripId, reason }: RefuseTrip): Promise<void> {
    const tx = this.transactions.current();
    if (this.refusals.failures-- > 0) throw new Error('the command failed');
    this.refusals.all.push({ tripId, reason, tx });
  }
}

/** The trips for which a flight was asked, as often as that. */
@Injectable()
export class FlightRequests {
  readonly all: string[] = [];
}

@Controller()
class FlightsController {
  constructor(
    private readonly messenger: Messenger,
    private readonly requests: FlightRequests,
  ) {}

  @Handles(BookFlight)
  async book({ tripId, city }: { tripId: string; city: string }): Promise<void> {
    this.requests.all.push(tripId);
    if (city !== SILENT) await this.messenger.publish(FlightBooked, { tripId, seat: '4A' });
  }

  @Handles(CancelFlight)
  async cancel({ tripId }: { tripId: string; refundId: string }): Promise<void> {
    await this.messenger.publish(FlightCancelled, { tripId });
  }
}

@Controller()
class HotelsController {
  constructor(private readonly messenger: Messenger) {}

  @Handles(BookHotel)
  async book({ tripId }: { tripId: string }): Promise<void> {
    if (tripId.includes(FULL))
      await this.messenger.publish(HotelFull, { tripId, reason: 'no room' });
    else await this.messenger.publish(HotelBooked, { tripId });
  }
}

@Module({
  imports: [CqrsModule.forRoot(), SagaModule.forRoot([trip])],
  providers: [Refusals, RefuseTripHandler],
  exports: [Refusals],
})
class TripsModule {}
@Module({ controllers: [FlightsController], providers: [FlightRequests] })
class FlightsModule {}
@Module({ controllers: [HotelsController] })
class HotelsModule {}
const MODULES = { trips: TripsModule, flights: FlightsModule, hotels: HotelsModule };

export type Surroundings = Pick<
  MessagingOptions,
  'urls' | 'technologies' | 'instance' | 'passes'
> & {
  readonly store: Store;
  readonly clock?: Clock;
};

/** A service as a process would run it. */
export async function serve(
  service: keyof typeof MODULES,
  { clock = systemClock, ...surroundings }: Surroundings,
): Promise<INestApplication> {
  const options = {
    service,
    instance: `${service}-1`,
    build: 'spec',
    clock,
    log: () => undefined,
    ...surroundings,
  };
  const module = await Test.createTestingModule({
    imports: [MessagingModule.forRoot(options), MODULES[service]],
  }).compile();
  const app = module.createNestApplication(new FastifyAdapter(), { logger: false });
  const messaging = app.get(Messaging);
  messaging.attach(app);
  await app.init();
  await messaging.start();
  await messaging.listen(app);
  return app;
}

export async function stop(app: INestApplication): Promise<void> {
  const messaging = app.get(Messaging);
  await messaging.stopConsuming();
  await messaging.drained(5_000);
  await messaging.flush(5_000);
  await app.close();
  await messaging.close();
}
