import type {
  Clock,
  Positions,
  Reader,
  Shard,
  ShardLeases,
  ShardMove,
} from '@parley/messaging/transport';

interface KnownShard extends Shard {
  position: string;
  over: boolean;
  owner?: string;
  epoch: number;
}

interface Reading {
  readonly shards: Map<string, KnownShard>;
  /** Time until which each member counts as alive. */
  readonly members: Map<string, number>;
}

/** In-memory fake of stored positions. */
export class MemoryStreamPositions implements Positions {
  private readonly readings = new Map<string, Reading>();

  constructor(private readonly clock: Clock) {}

  async know(reader: Reader, shards: readonly Shard[], start: string): Promise<void> {
    const known = this.of(reader).shards;
    const isNew = known.size === 0;
    for (const { id, parents } of shards) {
      if (!known.has(id))
        known.set(id, { id, parents, position: isNew ? start : '', over: false, epoch: 0 });
    }
  }

  async lease(reader: Reader, member: string, ttl: number, take: boolean): Promise<ShardLeases> {
    const { shards, members } = this.of(reader);
    const now = this.clock.elapsed();
    members.set(member, now + ttl);
    const lives = (name: string | undefined) =>
      name !== undefined && (members.get(name) ?? 0) > now;
    const open = [...shards.values()].filter(
      (shard) => !shard.over && shard.parents.every((parent) => shards.get(parent)?.over !== false),
    );
    const share = Math.ceil(open.length / [...members.keys()].filter(lives).length);
    const held = open.filter(({ owner }) => owner === member);
    const free = take
      ? open.filter(({ owner }) => !lives(owner)).slice(0, Math.max(0, share - held.length))
      : [];
    for (const shard of free) Object.assign(shard, { owner: member, epoch: shard.epoch + 1 });
    return {
      share,
      held: [...held, ...free].map(({ id, position, epoch }) => ({ shard: id, position, epoch })),
    };
  }

  async advance(
    reader: Reader,
    moves: readonly ShardMove[],
    free: boolean,
  ): Promise<readonly string[]> {
    const { shards } = this.of(reader);
    const isOurs = ({ shard, epoch }: ShardMove) => shards.get(shard)?.epoch === epoch;
    for (const { shard, position, over } of moves.filter(isOurs)) {
      const known = shards.get(shard)!;
      Object.assign(known, { position, over, owner: free || over ? undefined : known.owner });
    }
    return moves.filter((move) => !isOurs(move)).map(({ shard }) => shard);
  }

  async leave(reader: Reader, member: string): Promise<void> {
    const { shards, members } = this.of(reader);
    members.delete(member);
    for (const shard of shards.values()) if (shard.owner === member) shard.owner = undefined;
  }

  private of({ subscription, stream }: Reader): Reading {
    const name = `${subscription}\n${stream}`;
    const reading = this.readings.get(name) ?? { shards: new Map(), members: new Map() };
    this.readings.set(name, reading);
    return reading;
  }
}
