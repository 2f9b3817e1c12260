import { randomBytes } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { command } from '@parley/contract';
import { type HandlerContext, Handles } from '@parley/messaging';
import { eventually, Instance } from '@parley/conformance';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { postgresFixture } from '../conformance.fixture';

jest.setTimeout(60_000);

/** More than the tries at once: the first try, and three after it. */
const FAILURES = 6;

describe.each(['own database', 'another database'] as const)(
  'a handling that meets an error of PostgreSQL that passes, %s',
  (where) => {
    const fixture = postgresFixture(where);
    let instance: Instance | undefined;

    beforeAll(() => fixture.setUp!(), 60_000);
    afterEach(() => instance?.stop());
    afterAll(() => fixture.tearDown!(), 60_000);

    it.each([
      ['no order with other transactions', '40001'],
      ['a deadlock', '40P01'],
    ])('%s: is tried again later when trying at once did not help', async (_, code) => {
      const service = `t${randomBytes(4).toString('hex')}`;
      await fixture.admit!(service);
      const Do = command(`${service}.do`, z.object({ key: z.string() }), { key: 'key' });
      const attempts: number[] = [];

      @Controller()
      class JobController {
        @Handles(Do, { retry: { delays: ['200ms', '200ms'] } })
        async do({ key }: { key: string }, { tx, attempt }: HandlerContext<EntityManager>) {
          attempts.push(attempt);
          await fixture.record(service, tx, `${key} ${attempts.length}`);
          if (attempts.length <= FAILURES)
            await tx.query(`do $$ begin raise 'it passes' using errcode = '${code}'; end $$`);
        }
      }

      instance = await Instance.start(service, `${service}-1`, await fixture.open(service), [
        JobController,
      ]);
      await instance.messenger.send(Do, { key: 'k' });
      await eventually(async () => (await fixture.effects(service)).length > 0, 'it to be done');

      expect(await fixture.effects(service)).toEqual([`k ${FAILURES + 1}`]);
      expect(attempts).toEqual([1, 1, 1, 1, 2, 2, 2]);
      expect(await instance.deadLetters()).toEqual([]);
    });
  },
);
