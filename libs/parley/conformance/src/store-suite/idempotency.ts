import { randomUUID } from 'node:crypto';
import {
  fingerprintOf,
  LeaseLostError,
  type CallResult,
  type IdempotencyState,
} from '@parley/messaging/transport';
import type { StoreTrial } from './store-trial';

/** Promises of results that are kept under idempotency keys. */
export function idempotencyPromises(trial: StoreTrial): void {
  describe('what was answered under keys', () => {
    const requests = () => trial.store.idempotency!;
    const request = (body = 'one') => ({
      scope: fingerprintOf(randomUUID()),
      print: fingerprintOf(body),
    });
    const answer: CallResult = { ok: true, body: Buffer.from([0, 255, 123]) };
    const claimOf = (begun: IdempotencyState) =>
      (begun as Extract<IdempotencyState, { state: 'ours' }>).claim;

    it('is given to whoever asks again; meanwhile it is busy', async () => {
      const asked = request();
      const begun = await requests().begin(asked, 60_000);
      expect(await requests().begin(asked, 60_000)).toEqual({ state: 'busy' });
      await requests().complete(undefined, claimOf(begun), answer);
      expect(await requests().begin(asked, 60_000)).toEqual({ state: 'done', answer });
      const fault: CallResult = {
        ok: false,
        fault: { code: 'refused', message: 'no', details: { n: 1 } },
      };
      const refused = claimOf(await requests().begin(request(), 60_000));
      await requests().complete(undefined, refused, fault);
      expect(await requests().begin(refused, 60_000)).toEqual({ state: 'done', answer: fault });
    });

    it('is begun by one of many', async () => {
      const asked = request();
      const begun = await Promise.all(
        Array.from({ length: 10 }, () => requests().begin(asked, 60_000)),
      );
      expect(begun.filter(({ state }) => state === 'ours')).toHaveLength(1);
      expect(begun.filter(({ state }) => state === 'busy')).toHaveLength(9);
    });

    it('is refused for another request, also while the first is handled', async () => {
      const asked = request();
      const begun = await requests().begin(asked, 60_000);
      const other = { ...asked, print: fingerprintOf('other') };
      expect(await requests().begin(other, 60_000)).toEqual({ state: 'conflict' });
      await requests().complete(undefined, claimOf(begun), answer);
      expect(await requests().begin(other, 60_000)).toEqual({ state: 'conflict' });
    });

    it('commits with what was done, or not at all', async () => {
      const asked = request();
      const claim = claimOf(await requests().begin(asked, 60_000));
      await trial.failing((tx) => requests().complete(tx, claim, answer));
      expect(await requests().begin(asked, 60_000)).toEqual({ state: 'busy' });
      await trial.store.transaction(
        async () => undefined,
        (tx) => requests().complete(tx, claim, answer),
      );
      expect(await requests().begin(asked, 60_000)).toEqual({ state: 'done', answer });
    });

    it('is free again once it was given up', async () => {
      const asked = request();
      await requests().release(claimOf(await requests().begin(asked, 60_000)));
      expect(await requests().begin(asked, 60_000)).toMatchObject({ state: 'ours' });
    });

    it('is taken over from whoever fell silent, who then cannot commit any more', async () => {
      const asked = request();
      const first = claimOf(await requests().begin(asked, 0));
      const second = claimOf(await requests().begin(asked, 60_000));
      await expect(
        trial.store.transaction(
          async () => undefined,
          (tx) => requests().complete(tx, first, answer),
        ),
      ).rejects.toThrow(LeaseLostError);
      await requests().release(first);
      await requests().complete(undefined, second, answer);
      expect(await requests().begin(asked, 60_000)).toEqual({ state: 'done', answer });
      await expect(requests().complete(undefined, second, answer)).rejects.toThrow(LeaseLostError);
    });
  });
}
