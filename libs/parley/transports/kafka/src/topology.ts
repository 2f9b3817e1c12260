import type { Contract, Kind } from '@parley/contract';
import type { Finding, Resource, TransportContext } from '@parley/messaging/transport';
import { type Address, TopologyMismatchError } from './address';
import type { Admin, KafkaClient, NewTopic, TopicState } from './client';

export type Stored = Exclude<Kind, 'call'>;

/*
 * The topics of an owner, one per kind. All messages of one key are in one partition, regardless of
 * their contract, so order holds within one key of one owner.
 *
 *   inventory.commands     read by the group `inventory`
 *   inventory.events       read by one group per subscription, of its name
 *   inventory.broadcasts   read by one group per instance, which ends with it
 */
export const topicOf = (kind: Stored, owner: string): string => `${owner}.${kind}s`;
const OURS = /^[a-z][a-z0-9-]*\.(commands|events|broadcasts)$/;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/**
 * Milliseconds that messages are kept. Kafka does not know which were handled: it deletes commands
 * by age, so keep them longer than any outage of their owner.
 */
const KEPT: Readonly<Record<Stored, number>> = {
  command: 30 * DAY_MS,
  event: -1,
  broadcast: HOUR_MS,
};
const LEAST_KEPT = 7 * DAY_MS;

/**
 * Kafka's default limit of a batch, and the bytes of it that a body may not use: for the envelope,
 * and for Kafka's overhead.
 */
const USUAL_LIMIT_BYTES = 1_048_588;
const HEADROOM_BYTES = 32_768;
/** Milliseconds until publishers learn of new partitions. */
const KNOWN_FOR_MS = 300_000;
const APPEARS_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 100;

/** Replies to the creation of a topic that no repetition changes. */
const NOT_TO_BE_HAD =
  /^(INVALID_(PARTITIONS|REPLICATION_FACTOR|REPLICA_ASSIGNMENT|CONFIG)|POLICY_VIOLATION)$/;

/** A topic with its size limit, as publishers need it. */
export interface KnownTopic extends TopicState {
  /** Bytes of the largest batch, and so of the largest message. */
  readonly limit: number;
}

/** Bytes of the largest body that the topic takes, with any envelope. */
export const largestBody = ({ limit }: Pick<KnownTopic, 'limit'>): number => limit - HEADROOM_BYTES;

/** The topics of a cluster: created when first needed, or only verified. */
export class Topics {
  private readonly known = new Map<
    string,
    { readonly at: number; readonly topic: Promise<KnownTopic>; found?: KnownTopic }
  >();
  private admin?: Promise<Admin>;
  private smallest = USUAL_LIMIT_BYTES;

  constructor(
    private readonly client: KafkaClient,
    private readonly address: Address,
    private readonly context: TransportContext,
  ) {}

  /** Resolves when Kafka can be reached. */
  async connect(): Promise<void> {
    await this.ask((admin) => admin.names());
  }

  /** Bytes of the largest batch that every known topic takes. */
  get smallestBatch(): number {
    return this.smallest;
  }

  /** Bytes of the largest body that every known topic takes. */
  get largest(): number {
    return largestBody({ limit: this.smallest });
  }

  /** Returns the topic, created if that is allowed. Cached for five minutes. */
  ensure(kind: Stored, owner: string): Promise<KnownTopic> {
    const name = topicOf(kind, owner);
    const now = this.context.clock.elapsed();
    const known = this.known.get(name);
    if (known && now - known.at < KNOWN_FOR_MS) return known.topic;
    const entry: NonNullable<typeof known> = { at: now, topic: this.open(kind, owner) };
    this.known.set(name, entry);
    entry.topic.then(
      (found) => {
        entry.found = found;
      },
      () => this.forget(name),
    );
    return entry.topic;
  }

  /** Returns the topic if it is cached. */
  peek(kind: Stored, owner: string): KnownTopic | undefined {
    const known = this.known.get(topicOf(kind, owner));
    return known && this.context.clock.elapsed() - known.at < KNOWN_FOR_MS
      ? known.found
      : undefined;
  }

  /** Drops a cached topic that is missing or has changed. */
  forget(name: string): void {
    this.known.delete(name);
  }

  /** Asks the cluster; an admin client that failed once is replaced. */
  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = (this.admin ??= this.client.admin());
    try {
      return await question(await admin);
    } catch (error) {
      if (this.admin === admin) this.admin = undefined;
      void admin.then((failed) => failed.close()).catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    const admin = await this.admin?.catch(() => undefined);
    this.admin = undefined;
    await admin?.close();
  }

  resource(kind: Stored, owner: string): Resource {
    const { partitions, replication, settings } = this.wanted(kind, owner);
    const orDefault = (count?: number) => count ?? 'cluster default';
    return {
      what: 'topic',
      name: topicOf(kind, owner),
      settings: {
        partitions: orDefault(partitions),
        replication: orDefault(replication),
        ...settings,
      },
    };
  }

  /**
   * Checks whether confirmed messages would survive, for every topic of this kit in the cluster.
   */
  async examine(): Promise<readonly Finding[]> {
    const names = (await this.ask((admin) => admin.names()))
      .filter((name) => OURS.test(name))
      .sort();
    const findings = [];
    for (const name of names) {
      const [topic, settings] = await this.ask((admin) =>
        Promise.all([admin.topic(name), admin.settings(name)]),
      );
      if (topic) findings.push(...findingsOf(topic, settings));
    }
    return [ACKS, ...findings];
  }

  private async open(kind: Stored, owner: string): Promise<KnownTopic> {
    const topic = await this.find(this.wanted(kind, owner));
    const settings = await this.ask((admin) => admin.settings(topic.name)).catch(
      (): Readonly<Record<string, string>> => ({}),
    );
    this.demand(topic, settings);
    const limit = Number(settings['max.message.bytes'] ?? USUAL_LIMIT_BYTES);
    this.smallest = Math.min(this.smallest, limit);
    return { ...topic, limit };
  }

  private async find(wanted: NewTopic): Promise<TopicState> {
    const there = await this.ask((admin) => admin.topic(wanted.name));
    if (there) return there;
    if (this.context.topology === 'verify') {
      throw new TopologyMismatchError(
        `Kafka at ${this.address} has no topic ${wanted.name}; create it, or let PARLEY_TOPOLOGY be create`,
      );
    }
    await this.ask((admin) => admin.create(wanted)).catch((error: Error & { type?: string }) => {
      throw NOT_TO_BE_HAD.test(error.type ?? '') ? this.notMade(wanted, error) : error;
    });
    return this.appears(wanted.name);
  }

  private notMade({ name }: NewTopic, { message }: Error): TopologyMismatchError {
    return new TopologyMismatchError(
      `Kafka at ${this.address} does not make the topic ${name} as its URL wants it (${message}); correct the URL's options, or give Kafka what they need`,
    );
  }

  /** Waits until a new topic is known: brokers learn of it after a moment. */
  private async appears(name: string): Promise<TopicState> {
    const { clock } = this.context;
    for (const until = clock.elapsed() + APPEARS_WITHIN_MS; clock.elapsed() < until;) {
      const made = await this.ask((admin) => admin.topic(name));
      if (made) return made;
      await new Promise<void>((resolve) => clock.after(LOOK_EVERY_MS, resolve));
    }
    throw new TopologyMismatchError(
      `Kafka at ${this.address} made the topic ${name} and does not have it; is somebody deleting it?`,
    );
  }

  private demand(topic: TopicState, settings: Readonly<Record<string, string>>): void {
    const { partitions, replication, minInsync } = this.address;
    const insync = Number(settings['min.insync.replicas'] ?? 1);
    const differ = (what: string, is: number, wanted: number) =>
      new TopologyMismatchError(
        `Kafka at ${this.address} holds ${topic.name} with ${what} ${is}, not ${wanted}; change the topic, or the URL`,
      );
    if (partitions !== undefined && topic.partitions !== partitions)
      throw differ('partitions', topic.partitions, partitions);
    if (replication !== undefined && topic.replication < replication)
      throw differ('replication', topic.replication, replication);
    if (minInsync !== undefined && insync < minInsync)
      throw differ('min.insync.replicas', insync, minInsync);
  }

  private wanted(kind: Stored, owner: string): NewTopic {
    const { partitions, replication, minInsync, retention } = this.address;
    const kept = kind === 'broadcast' ? KEPT.broadcast : (retention ?? KEPT[kind]);
    const insync: Record<string, string> =
      minInsync === undefined ? {} : { 'min.insync.replicas': String(minInsync) };
    const settings = {
      'cleanup.policy': 'delete',
      'retention.ms': String(kept),
      'unclean.leader.election.enable': 'false',
      ...insync,
    };
    return { name: topicOf(kind, owner), partitions, replication, settings };
  }
}

const ACKS: Finding = {
  what: 'acks=all, idempotent',
  verdict: 'safe',
  says: 'every publish here waits for all in-sync replicas',
};

function findingsOf(
  { name, partitions, replication }: TopicState,
  settings: Readonly<Record<string, string>>,
): readonly Finding[] {
  const finding = (what: string, safe: boolean, says: string, or: string): Finding => ({
    what: `${name}: ${what}`,
    verdict: safe ? 'safe' : 'unsafe',
    says: safe ? says : or,
  });
  const insync = Number(settings['min.insync.replicas'] ?? 1);
  const unclean = settings['unclean.leader.election.enable'] === 'true';
  const kept = Number(settings['retention.ms'] ?? NaN);
  const found = [
    finding(
      `replication factor ${replication}`,
      replication >= 3,
      'two brokers may be lost',
      'one broker lost may be all messages lost; make it 3',
    ),
    finding(
      `min.insync.replicas ${insync}`,
      insync >= 2,
      'what is confirmed is on two brokers at least',
      'what is confirmed may be on one broker only; make it 2, with a replication factor of 3',
    ),
    finding(
      `unclean.leader.election.enable ${unclean}`,
      !unclean,
      'a broker that lags behind never leads',
      'a broker that lags behind may lead, and what it lacks is gone; make it false',
    ),
    finding(
      `partitions ${partitions}`,
      partitions > 1,
      `up to ${partitions} instances share the work`,
      'only one instance of a service gets messages; give it more before it is used, for keys change places',
    ),
  ];
  if (name.endsWith('.broadcasts')) return found;
  const lasts = kept === -1 || kept >= LEAST_KEPT;
  const verdict = Number.isNaN(kept) ? 'unknown' : lasts ? 'safe' : 'unsafe';
  const says = lasts
    ? 'longer than an outage'
    : 'a consumer that is away for longer loses what it did not read; make it seven days or more';
  return [
    ...found,
    { what: `${name}: retention.ms ${settings['retention.ms'] ?? 'unknown'}`, verdict, says },
  ];
}

/** Returns the owners of the contracts, each once. */
export const ownersOf = (contracts: Iterable<Contract>): readonly string[] => [
  ...new Set([...contracts].map(({ owner }) => owner)),
];
