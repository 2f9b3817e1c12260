import { Controller } from '@nestjs/common';
import { command, type Message } from '@parley/contract';
import { Harness, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { Handles } from '../handlers/handles';
import { KEY_LIFETIME_MS, SubjectKeyCache } from '../payload/subject-key-cache';
import { CircuitBreaker } from './circuit-breaker';
import type { SubjectKeys } from '../ports/subject-keys';

const HOUR = 3_600_000;
const JUMPS: readonly [string, number][] = [
  ['back', -HOUR],
  ['forth', HOUR],
];

const Weigh = command('scales.weigh', z.object({ parcel: z.string() }), { key: 'parcel' });

describe.each(JUMPS)('the time of day is set %s', (_, by) => {
  it('a key that was erased elsewhere is used for its minute, not longer and not shorter', async () => {
    const clock = new VirtualClock();
    let fetched = 0;
    const keys = {
      of: async (subjects: readonly string[]) => (
        fetched++,
        new Map(subjects.map((subject) => [subject, { id: subject }]))
      ),
    };
    const ring = new SubjectKeyCache(keys as Partial<SubjectKeys> as SubjectKeys, clock);
    await ring.of('ada');
    clock.jump(by);
    await clock.advance(KEY_LIFETIME_MS - 1);
    await ring.of('ada');
    expect(fetched).toBe(1);
    await clock.advance(1);
    await ring.of('ada');
    expect(fetched).toBe(2);
  });

  it('a pause ends after its time', async () => {
    const clock = new VirtualClock();
    const circuitBreaker = new CircuitBreaker(
      {
        failureRatio: 0.5,
        minimumThroughput: 2,
        samplingWindow: '10s',
        breakDuration: '1s',
        maxBreakDuration: '30s',
      },
      clock,
      () => undefined,
    );
    for (const message of ['a', 'b'])
      (await circuitBreaker.acquire())?.failed(new Error('down'), message);
    let probed = false;
    void Promise.resolve(circuitBreaker.acquire()).then(() => (probed = true));
    clock.jump(by);
    await clock.advance('999ms');
    expect(probed).toBe(false);
    await clock.advance('1ms');
    expect(probed).toBe(true);
  });

  it('what failed is tried again when it is due', async () => {
    const harness = new Harness();
    let tries = 0;
    @Controller()
    class Scales {
      @Handles(Weigh, { retry: { immediate: 0, delays: ['1s'] } })
      weigh(_: Message<typeof Weigh>): void {
        if (++tries === 1) throw new Error('not yet');
      }
    }
    await harness.start('scales', { controllers: [Scales] });
    await harness.send(Weigh, { parcel: 'p' });
    await harness.advance('100ms');
    harness.clock.jump(by);
    await harness.advance('100ms');
    expect(tries).toBe(1);
    await harness.advance('2s');
    expect(tries).toBe(2);
    await harness.close();
  });
});
