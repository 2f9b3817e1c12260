import { HandlerRegistry, type HandlerExtras } from '@parley/messaging/transport';
import { FlightBooked, trip } from './booking.fixture';
import { controllerOf } from './saga-controller';

const PATTERN_EXTRAS = 'microservices:pattern_extras';

describe('the controller of a saga', () => {
  const controller = controllerOf(trip);
  const methods = trip.triggers().map(({ contract }) => contract.name);
  const method = (name: string) => controller.prototype[name];

  it('handles every trigger under one subscription, named for the service and the saga', () => {
    const registry = new HandlerRegistry('trips');
    for (const name of methods)
      registry.add(
        method(name),
        Reflect.getMetadata(PATTERN_EXTRAS, method(name)) as HandlerExtras,
      );
    const [subscription, ...others] = registry.subscriptions();
    expect(others).toEqual([]);
    expect(subscription!.name).toBe('trips.trip');
    expect([...subscription!.handlers.keys()].sort()).toEqual([...methods].sort());
    expect(subscription!.handlers.get(FlightBooked.name)!.name).toBe(
      'TripSaga.flights.flight-booked',
    );
  });
});
