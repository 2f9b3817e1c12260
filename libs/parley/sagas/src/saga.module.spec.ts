import { randomUUID } from 'node:crypto';
import type { INestApplication } from '@nestjs/common';
import { memory, MemoryBroker, MemoryStore } from '@parley/memory';
import { Messenger } from '@parley/messaging';
import { trip, TripRequested } from './booking.fixture';
import { FULL, Refusals, serve, stop } from './journey.fixture';
import { SagaModule } from './saga.module';
import { SagaError } from './saga';
import { SagaOperations } from './saga-operations';
import type { SagaDetails } from './saga-store';

describe('a saga among services', () => {
  const url = `memory://${randomUUID()}`;
  const urls = { commands: url, events: url, broadcasts: url };
  let apps: INestApplication[];
  let trips: INestApplication;
  beforeAll(async () => {
    apps = [];
    for (const service of ['trips', 'flights', 'hotels'] as const)
      apps.push(await serve(service, { urls, technologies: [memory], store: new MemoryStore() }));
    trips = apps[0]!;
  });
  afterAll(async () => {
    await Promise.all(apps.map(stop));
    MemoryBroker.forget(url);
  });

  const request = (tripId: string, city = 'Rome') =>
    trips.get(Messenger).publish(TripRequested, { tripId, city });
  const ended = async (tripId: string): Promise<SagaDetails> => {
    for (const giveUp = Date.now() + 4_000; Date.now() < giveUp;) {
      const saga = await trips.get(SagaOperations).find('trip', tripId);
      if (saga?.done) return saga;
      await new Promise(setImmediate);
    }
    throw new Error(`${tripId} did not end`);
  };

  it('goes its whole way', async () => {
    await request('trip-1');
    const { stage, history, timeouts } = await ended('trip-1');
    expect(stage).toBe('booked');
    expect(history.map(({ trigger }) => trigger)).toEqual([
      'trips.trip-requested',
      'flights.flight-booked',
      'hotels.hotel-booked',
    ]);
    expect(timeouts).toEqual([]);
  });

  it('goes back when it must, and ends with a local command in its own transaction', async () => {
    const refusals = trips.get(Refusals, { strict: false });
    refusals.failures = 1;
    await request(`trip-${FULL}`);
    expect(await ended(`trip-${FULL}`)).toMatchObject({ stage: 'refused', version: 4 });
    expect(refusals.all).toMatchObject([
      { tripId: `trip-${FULL}`, reason: 'no room', tx: expect.anything() },
    ]);
  });

  it('is listed for operators', async () => {
    await request('trip-2');
    await ended('trip-2');
    const operations = trips.get(SagaOperations);
    expect(operations.definitions()).toMatchObject([
      { name: 'trip', timeouts: ['in flying', 'overdue'] },
    ]);
    const found = await operations.list({
      saga: 'trip',
      stage: 'booked',
      state: 'finished',
      limit: '10',
    });
    expect(found.map(({ key }) => key)).toContain('trip-2');
    expect(found[0]).not.toHaveProperty('state');
    expect(await operations.list({ state: 'running' })).toEqual([]);
    expect(await operations.list({ state: 'failing' })).toEqual([]);
    expect(await operations.list({ olderThan: '1h' })).toEqual([]);
    const { correlationId } = found[0]!;
    expect(await operations.list({ conversations: JSON.stringify([correlationId]) })).toHaveLength(
      1,
    );
    expect(await operations.list({ conversations: '["another"]' })).toEqual([]);
    await expect(operations.list({ conversations: 'another' })).rejects.toThrow('a JSON array');
    await expect(operations.list({ state: 'lost' })).rejects.toThrow(
      'running or finished or failing',
    );
  });
});

describe('SagaModule', () => {
  it('refuses two sagas of one name', () => {
    expect(() => SagaModule.forRoot([trip, trip])).toThrow(SagaError);
  });
});
