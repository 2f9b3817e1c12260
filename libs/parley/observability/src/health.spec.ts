import { HealthIndicatorService } from '@nestjs/terminus';
import { databaseIndicator, intakeIndicator, outboxIndicator } from './health';

const indicators = new HealthIndicatorService();

describe('health indicators', () => {
  it('report an intake up only while it consumes', async () => {
    const at = (state: 'consuming' | 'disconnected', reason?: string) =>
      intakeIndicator(indicators, { kind: 'command', technology: 'rabbitmq', state, reason })();
    expect(await at('consuming')).toEqual({
      'command (rabbitmq)': { status: 'up', state: 'consuming' },
    });
    expect(await at('disconnected', 'ECONNREFUSED')).toEqual({
      'command (rabbitmq)': { status: 'down', state: 'disconnected', reason: 'ECONNREFUSED' },
    });
  });

  it('report an intake that is paused up and degraded, and why it is', async () => {
    const paused = {
      kind: 'command',
      technology: 'rabbitmq',
      state: 'paused',
      reason: '20 of 20 handlings failed',
    } as const;
    expect(await intakeIndicator(indicators, paused)()).toMatchObject({
      'command (rabbitmq)': {
        status: 'up',
        degraded: true,
        state: 'paused',
        reason: '20 of 20 handlings failed',
      },
    });
  });

  it('report an intake that takes messages while handlers of it do not end degraded', async () => {
    const health = {
      kind: 'command',
      technology: 'rabbitmq',
      state: 'consuming',
      reason: '1 over their timeout',
    } as const;
    const up = { status: 'up', state: 'consuming', reason: '1 over their timeout', degraded: true };
    expect(await intakeIndicator(indicators, health)()).toEqual({ 'command (rabbitmq)': up });
  });

  it('report the outbox down once its oldest message waits longer than 30 s', async () => {
    expect(
      await outboxIndicator(indicators, async () => ({ waiting: 5, oldestAge: 30_000 }))(),
    ).toMatchObject({
      outbox: { status: 'up' },
    });
    expect(
      await outboxIndicator(indicators, async () => ({ waiting: 5, oldestAge: 31_000 }))(),
    ).toMatchObject({
      outbox: {
        status: 'down',
        reason: expect.stringContaining('oldest of 5 waiting messages is 31 s old'),
      },
    });
  });

  it('report the database down when its query fails, and why', async () => {
    expect(
      await databaseIndicator(new HealthIndicatorService(), () => Promise.resolve())(),
    ).toMatchObject({
      database: { status: 'up' },
    });
    expect(
      await databaseIndicator(new HealthIndicatorService(), () =>
        Promise.reject(new Error('gone')),
      )(),
    ).toMatchObject({
      database: { status: 'down', message: 'gone' },
    });
  });
});
