import { randomUUID } from 'node:crypto';
import type { Positions, Reader, ShardLease, ShardLeases } from '@parley/messaging/transport';

const TTL = 60_000;

/**
 * Promises of positions in streams, for every store that keeps them. `service` owns the
 * subscriptions.
 */
export function streamPositionsSuite(
  name: string,
  service: string,
  make: () => Promise<Positions>,
): void {
  describe(name, () => {
    let positions: Positions;
    let reader: Reader;

    beforeEach(async () => {
      positions = await make();
      reader = { subscription: `${service}.trial-${randomUUID()}`, stream: 'orders.events' };
    });

    const shards = (...ids: string[]) => ids.map((id) => ({ id, parents: [] }));
    const lease = (member: string, { ttl = TTL, take = true } = {}) =>
      positions.lease(reader, member, ttl, take);
    const names = ({ held }: ShardLeases) => held.map(({ shard }) => shard).sort();
    const move = ({ shard, epoch }: ShardLease, position: string, over = false) => ({
      shard,
      epoch,
      position,
      over,
    });

    it('begin where told, and stay when told again', async () => {
      await positions.know(reader, shards('a'), 'here');
      await positions.know(reader, shards('a'), 'elsewhere');
      expect(await lease('one')).toEqual({
        share: 1,
        held: [{ shard: 'a', position: 'here', epoch: 1 }],
      });
    });

    it('are the subscription’s own, for each stream', async () => {
      await positions.know(reader, shards('a'), '');
      await lease('one');
      expect(
        await positions.lease({ ...reader, stream: 'stock.events' }, 'one', TTL, true),
      ).toEqual({ share: 0, held: [] });
      expect(
        await positions.lease(
          { ...reader, subscription: `${service}.other-${randomUUID()}` },
          'one',
          TTL,
          true,
        ),
      ).toEqual({ share: 0, held: [] });
    });

    it('share shards fairly among those who live', async () => {
      await positions.know(reader, shards('a', 'b', 'c', 'd'), '');
      expect((await lease('one')).held).toHaveLength(4);
      expect(await lease('two')).toEqual({ share: 2, held: [] });
      const { held, share } = await lease('one');
      expect(share).toBe(2);
      expect(
        await positions.advance(
          reader,
          held.slice(2).map((one) => move(one, 'so far')),
          true,
        ),
      ).toEqual([]);
      const taken = await lease('two');
      expect(taken.held.map(({ position, epoch }) => ({ position, epoch }))).toEqual(
        Array(2).fill({ position: 'so far', epoch: 2 }),
      );
      expect([...names(taken), ...names(await lease('one'))].sort()).toEqual(['a', 'b', 'c', 'd']);
    });

    it('hand no shard to two who ask at once', async () => {
      await positions.know(reader, shards(...'abcdefgh'), '');
      const all = await Promise.all(['one', 'two', 'three', 'four'].map((member) => lease(member)));
      const held = all.flatMap(names);
      expect(new Set(held).size).toBe(held.length);
    });

    it('pass a shard on when its holder’s lease ran out, and hear the former one no more', async () => {
      await positions.know(reader, shards('a'), '');
      const [former] = (await lease('one', { ttl: 0 })).held;
      const [held] = (await lease('two')).held;
      expect(held).toMatchObject({ shard: 'a', epoch: 2 });
      expect(await positions.advance(reader, [move(former!, 'late')], false)).toEqual(['a']);
      expect(await positions.advance(reader, [move(held!, '7')], false)).toEqual([]);
      expect((await lease('two')).held).toEqual([{ ...held, position: '7' }]);
    });

    it('keep for one who is about to go what it has, and give it nothing more', async () => {
      await positions.know(reader, shards('a'), '');
      await lease('one');
      await positions.know(reader, shards('b'), '');
      expect(names(await lease('one', { take: false }))).toEqual(['a']);
    });

    it('are free at once when their holder leaves', async () => {
      await positions.know(reader, shards('a', 'b'), '');
      await lease('one');
      await positions.leave(reader, 'one');
      expect(names(await lease('two'))).toEqual(['a', 'b']);
    });

    it('let a shard be read when all it goes on from were read to their ends', async () => {
      await positions.know(reader, shards('a', 'b'), 'now');
      await positions.know(
        reader,
        [
          { id: 'ab', parents: ['a', 'b'] },
          { id: 'orphan', parents: ['forgotten'] },
        ],
        'now',
      );
      const { held: first } = await lease('one');
      expect(names({ held: first, share: 0 })).toEqual(['a', 'b', 'orphan']);
      expect(first.map(({ position }) => position).sort()).toEqual(['', 'now', 'now']);
      await positions.advance(
        reader,
        [
          move(
            first.find(({ shard }) => shard === 'a')!,
            'end',
            true,
          ),
        ],
        false,
      );
      expect(names(await lease('one'))).toEqual(['b', 'orphan']);
      await positions.advance(
        reader,
        [
          move(
            first.find(({ shard }) => shard === 'b')!,
            'end',
            true,
          ),
        ],
        false,
      );
      const last = await lease('one');
      expect(names(last)).toEqual(['ab', 'orphan']);
      expect(last.held.find(({ shard }) => shard === 'ab')).toMatchObject({ position: '' });
    });
  });
}
