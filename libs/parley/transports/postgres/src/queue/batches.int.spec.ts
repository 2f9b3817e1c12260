import { randomBytes } from 'node:crypto';
import { Controller, type Type } from '@nestjs/common';
import { command, event } from '@parley/contract';
import { type BatchContext, Handles, Subscription } from '@parley/messaging';
import { eventually, Instance } from '@parley/conformance';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { postgresFixture } from '../conformance.fixture';

jest.setTimeout(60_000);

const Parcel = z.object({ street: z.string(), n: z.int() });
type Parcel = z.infer<typeof Parcel>;
const COUNT = 300;
const STREETS = 60;
const BATCH = 20;

describe.each(['own database', 'another database'] as const)(
  'batches of messages in PostgreSQL, %s',
  (where) => {
    const fixture = postgresFixture(where);
    const instances: Instance[] = [];

    beforeAll(() => fixture.setUp!(), 60_000);
    afterEach(async () => {
      for (const instance of instances.splice(0)) await instance.stop();
    });
    afterAll(() => fixture.tearDown!(), 60_000);

    async function start(
      service: string,
      name: string,
      controllers: readonly Type[],
    ): Promise<Instance> {
      await fixture.admit!(service);
      const instance = await Instance.start(
        service,
        name,
        await fixture.open(service),
        controllers,
      );
      instances.push(instance);
      return instance;
    }

    /** Records its deliveries and the transaction of each; fails on parcels that are poison. */
    async function deliver(
      service: string,
      parcels: readonly Parcel[],
      { tx }: BatchContext,
    ): Promise<void> {
      const [{ xid }] = (await tx.query('select pg_current_xact_id()::text xid')) as [
        { xid: string },
      ];
      for (const { street, n } of parcels)
        await fixture.record(service, tx, `${street} ${n} ${xid}`);
      if (parcels.some(isPoison)) throw new Error('it ticks');
    }

    const isPoison = ({ n }: Parcel) => n === 77;
    const parcels: Parcel[] = Array.from({ length: COUNT }, (_, i) => ({
      street: `s${i % STREETS}`,
      n: i + 1,
    }));

    async function delivered(service: string) {
      const effects = await eventually(async () => {
        const all = await fixture.effects(service);
        return all.length >= expected.length && all;
      }, 'every parcel but those behind the poison');
      return effects
        .map((effect) => effect.split(' '))
        .map(([street, n, xid]) => ({ street: street!, n: Number(n), xid: xid! }));
    }

    /** In the poison's street everything after it waits. */
    const bad = parcels.find(isPoison)!;
    const expected = parcels.filter(({ street, n }) => street !== bad.street || n < bad.n);

    async function proved(service: string, receiver: Instance) {
      const all = await delivered(service);
      expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual(expected.map(({ n }) => n));
      const streets = new Map<string, number[]>();
      for (const { street, n } of all) streets.set(street, [...(streets.get(street) ?? []), n]);
      for (const order of streets.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
      const sizes = [
        ...all
          .reduce(
            (counts, { xid }) => counts.set(xid, (counts.get(xid) ?? 0) + 1),
            new Map<string, number>(),
          )
          .values(),
      ];
      expect(Math.max(...sizes)).toBeLessThanOrEqual(BATCH);
      expect(sizes.length).toBeLessThan(COUNT / 2);
      const letters = await eventually(
        async () => (await receiver.deadLetters()).length > 0 && receiver.deadLetters(),
        'the poison to die',
      );
      expect(letters.map(({ body }) => (JSON.parse(body.toString()) as Parcel).n)).toEqual([77]);
    }

    const options = { batch: BATCH, retry: { immediate: 0, delays: [] } } as const;

    it('commit events together; poison harms only itself', async () => {
      const service = `t${randomBytes(4).toString('hex')}`;
      const Arrived = event(`${service}-post.parcel-arrived`, Parcel, { key: 'street' });
      @Controller()
      @Subscription('round')
      class RoundController {
        @Handles(Arrived, options)
        async deliver(parcels: Parcel[], context: BatchContext<EntityManager>) {
          await deliver(service, parcels, context);
        }
      }
      const post = await start(`${service}-post`, 'post-1', []);
      await post.transactions.run(async () => {
        for (const parcel of parcels) await post.messenger.publish(Arrived, parcel);
      });
      await proved(service, await start(service, 'round-1', [RoundController]));
    });

    it('commit commands together; poison harms only itself', async () => {
      const service = `t${randomBytes(4).toString('hex')}`;
      const Bring = command(`${service}.bring-parcel`, Parcel, { key: 'street' });
      @Controller()
      class BringController {
        @Handles(Bring, options)
        async deliver(parcels: Parcel[], context: BatchContext<EntityManager>) {
          await deliver(service, parcels, context);
        }
      }
      await fixture.admit!(service);
      const post = await start(`${service}-post`, 'post-1', []);
      await post.transactions.run(async () => {
        for (const parcel of parcels) await post.messenger.send(Bring, parcel);
      });
      await proved(service, await start(service, 'bring-1', [BringController]));
    });
  },
);
