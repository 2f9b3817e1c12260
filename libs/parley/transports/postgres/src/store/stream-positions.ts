import type { Positions, Reader, Shard, ShardLeases, ShardMove } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';

const KNOW: Statement = {
  name: 'parley_know_shards',
  text: 'select parley.know_shards($1, $2, $3, $4, $5)',
};
const LEASE: Statement = {
  name: 'parley_lease_shards',
  text: 'select * from parley.lease_shards($1, $2, $3, $4, $5)',
};
const ADVANCE: Statement = {
  name: 'parley_advance_shards',
  text: 'select lost from parley.advance_shards($1, $2, $3, $4, $5, $6, $7)',
};
const LEAVE: Statement = {
  name: 'parley_leave_shards',
  text: 'select parley.leave_shards($1, $2, $3)',
};

export class PostgresStreamPositions implements Positions {
  constructor(private readonly database: Caller) {}

  async know(
    { subscription, stream }: Reader,
    shards: readonly Shard[],
    start: string,
  ): Promise<void> {
    const parents = shards.map((shard) => shard.parents.join(','));
    await this.database.call(KNOW, [
      subscription,
      stream,
      shards.map(({ id }) => id),
      parents,
      start,
    ]);
  }

  async lease(
    { subscription, stream }: Reader,
    member: string,
    ttl: number,
    take: boolean,
  ): Promise<ShardLeases> {
    const rows = await this.database.call<{
      shard: string | null;
      pos: string;
      epoch: string;
      share: number;
    }>(LEASE, [subscription, stream, member, `${ttl} milliseconds`, take]);
    const held = rows.flatMap(({ shard, pos, epoch }) =>
      shard === null ? [] : [{ shard, position: pos, epoch: Number(epoch) }],
    );
    return { share: rows[0]!.share, held };
  }

  async advance(
    { subscription, stream }: Reader,
    moves: readonly ShardMove[],
    free: boolean,
  ): Promise<readonly string[]> {
    const columns = [
      moves.map(({ shard }) => shard),
      moves.map(({ epoch }) => epoch),
      moves.map(({ position }) => position),
      moves.map(({ over }) => over),
    ];
    return (
      await this.database.call<{ lost: string }>(ADVANCE, [subscription, stream, ...columns, free])
    ).map(({ lost }) => lost);
  }

  async leave({ subscription, stream }: Reader, member: string): Promise<void> {
    await this.database.call(LEAVE, [subscription, stream, member]);
  }
}
