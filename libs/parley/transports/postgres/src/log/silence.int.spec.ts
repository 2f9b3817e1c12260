import { randomBytes } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { event } from '@parley/contract';
import { type HandlerContext, Handles, Subscription } from '@parley/messaging';
import { eventually, Gate, Instance, Recorder } from '@parley/conformance';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { postgresFixture } from '../conformance.fixture';

jest.setTimeout(150_000);

const Done = z.object({ key: z.string(), n: z.int() });
type Done = z.infer<typeof Done>;
const KEYS = Array.from({ length: 8 }, (_, n) => `k${n}`);
/** Events of a key: the first one is under way when the network falls silent. */
const EACH = 3;
/** Handlers under way then, at least. */
const UNDER_WAY = 4;
/** Milliseconds until all is handled: a connection is found silent, its lease runs out. */
const ALL_WITHIN = 60_000;

describe.each(['own database', 'another database'] as const)(
  'the log of PostgreSQL, %s',
  (where) => {
    const fixture = postgresFixture(where);
    const instances: Instance[] = [];

    beforeAll(() => fixture.setUp!(), 60_000);
    afterEach(async () => {
      for (const instance of instances.splice(0)) await instance.stop();
    });
    afterAll(() => fixture.tearDown!(), 60_000);

    it.each([
      ['open connections', 'alone'],
      ['open connections', 'beside another instance'],
      ['everything', 'alone'],
      ['everything', 'beside another instance'],
    ] as const)(
      'loses no event, and doubles none, over a network that loses %s without a sign: %s',
      async (lost, company) => {
        const service = `t${randomBytes(4).toString('hex')}`;
        await fixture.admit!(service);
        const WasDone = event(`${service}.was-done`, Done, { key: 'key' });
        const begun = new Recorder<string>();
        const silent = new Gate();
        let news = 0;
        const start = async (name: string, waits: boolean) => {
          @Controller()
          @Subscription('ledger')
          class DoneController {
            @Handles(WasDone)
            async done({ key, n }: Done, { tx }: HandlerContext<EntityManager>) {
              await tx.query('select 1');
              begun.note(key);
              if (waits) await silent.opened;
              await fixture.record(service, tx, `${key} ${n}`);
            }
          }
          const place = await fixture.open(service);
          const instance = await Instance.start(service, name, place, [DoneController]);
          instances.push(instance);
          return instance;
        };
        const struck = await start('struck', true);
        const states = () =>
          struck.messaging.introspection.consumerHealth().intakes.map(({ state }) => state);
        for (let n = 0; n < EACH; n++)
          for (const key of KEYS) await struck.messenger.publish(WasDone, { key, n });
        await begun.reach(UNDER_WAY);
        const well = company === 'alone' ? undefined : await start('well', false);

        const { place } = struck;
        expect(lost === 'everything' ? place.silence!() : place.swallow!()).toBeGreaterThan(
          UNDER_WAY,
        );
        silent.open();
        if (lost === 'everything') {
          await eventually(
            () => states().includes('disconnected'),
            'readiness to tell',
            ALL_WITHIN,
          );
          if (well) await said(well);
          place.back!();
        }
        // Alone, even the publishing connection may be lost: the event is said until it is stored.
        await said(struck);
        await eventually(
          async () => {
            const effects = await fixture.effects(service);
            const ofKeys = effects.filter((effect) => !effect.startsWith('news'));
            return effects.includes(`news ${news - 1}`) && ofKeys.length >= KEYS.length * EACH;
          },
          'everything to be handled',
          ALL_WITHIN,
        );
        await eventually(
          () => states().every((state) => state === 'consuming'),
          'it to read again',
          ALL_WITHIN,
        );

        const effects = await fixture.effects(service);
        for (const key of KEYS)
          expect(effects.filter((effect) => effect.startsWith(`${key} `))).toEqual(
            Array.from({ length: EACH }, (_, n) => `${key} ${n}`),
          );
        expect(new Set(effects).size).toBe(effects.length);
        expect(await struck.deadLetters()).toEqual([]);

        function said(by: Instance): Promise<boolean> {
          const publish = () => by.messenger.publish(WasDone, { key: 'news', n: news++ });
          return eventually(
            () =>
              publish().then(
                () => true,
                () => false,
              ),
            'it to be said',
            ALL_WITHIN,
          );
        }
      },
    );
  },
);
