import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { Contract, Kind } from '@parley/contract';
import type {
  RegisteredSubscription,
  Resource,
  TransportContext,
} from '@parley/messaging/transport';
import { createHash } from 'node:crypto';
import type { Address } from './address';
import { type Connection, TopologyMismatchError } from './connection';

/*
 * A stream per owner and kind, with a subject per lane and contract:
 *
 *   stream   parley-orders-events
 *   subject  parley-orders.events.7.order-placed     7: the lane of the key; `any`: no key
 *
 * A subscription has a durable consumer per lane. That of a lane has one message out at a time, so
 * that it keeps the order of its keys, whichever instance asks next; that of `any` has many.
 */

/** Messages of different keys that a subscription handles at a time, at most. */
export const LANES = 12;
const UNORDERED = 'any';
export const LANE_NAMES: readonly string[] = [
  ...Array.from({ length: LANES }, (_, lane) => String(lane)),
  UNORDERED,
];
/** Messages without a key that all instances of a subscription hold at a time, at most. */
const MAX_UNORDERED = 1_000;

export const isOrdered = (lane: string): boolean => lane !== UNORDERED;

const laneOf = (key: string | undefined): string =>
  key === undefined
    ? UNORDERED
    : String(createHash('sha256').update(key).digest().readUInt32BE() % LANES);

export const streamName = ({ prefix }: Address, owner: string, kind: Kind): string =>
  `${prefix}${owner}-${kind}s`;

const nameIn = ({ owner, name }: Pick<Contract, 'owner' | 'name'>): string =>
  name.slice(owner.length + 1);

export const subjectOf = ({ prefix }: Address, contract: Contract, key?: string): string =>
  `${prefix}${contract.owner}.${contract.kind}s.${laneOf(key)}.${nameIn(contract)}`;

/** Commands are deleted when they are acknowledged, events when they are old. */
function settingsOf(address: Address, owner: string, kind: Kind) {
  const isLog = kind === 'event';
  return {
    name: streamName(address, owner, kind),
    subjects: [`${address.prefix}${owner}.${kind}s.>`],
    retention: isLog ? RetentionPolicy.Limits : RetentionPolicy.Workqueue,
    storage: StorageType.File,
    num_replicas: address.replicas,
    max_age: isLog ? nanos(address.retentionMs) : 0,
  } satisfies Partial<StreamConfig>;
}

/** The stream as `topology` prints it. */
export function resourceOf(address: Address, owner: string, kind: Kind): Resource {
  const { name, subjects, ...settings } = settingsOf(address, owner, kind);
  return { what: 'stream', name, settings: { subjects: subjects.join(), ...settings } };
}

/** Makes streams and consumers, or checks them. */
export class Topology {
  private readonly known = new Map<string, Promise<void>>();

  constructor(
    private readonly connection: Connection,
    private readonly address: Address,
    private readonly mode: TransportContext['topology'] = 'create',
  ) {}

  /** The stream exists, whether its owner ever ran or not. Asked once. */
  ensureStream(owner: string, kind: Kind): Promise<void> {
    const stream = streamName(this.address, owner, kind);
    const known = this.known.get(stream);
    if (known) return known;
    const declaring = this.declare(owner, kind);
    this.known.set(stream, declaring);
    declaring.catch(() => this.known.delete(stream));
    return declaring;
  }

  /** The stream was deleted: it is declared again when it is needed again. */
  forget(owner: string, kind: Kind): void {
    this.known.delete(streamName(this.address, owner, kind));
  }

  /** Makes the durable consumer of a lane, or adapts it. @returns its name */
  async ensureConsumer(
    owner: string,
    lane: string,
    subscription: RegisteredSubscription,
  ): Promise<string> {
    const { consumers } = this.connection.admin;
    const stream = streamName(this.address, owner, subscription.kind);
    const name = `${subscription.name.replace(/[^\w-]/g, escaped)}-${lane}`;
    const changeable = {
      ack_wait: nanos(this.address.leaseMs),
      filter_subjects: this.subjectsFor(owner, lane, subscription),
    };
    const found = await consumers.info(stream, name).catch(undefinedIfMissing);
    if (found && !isAs(changeable, found.config)) await consumers.update(stream, name, changeable);
    if (!found)
      await consumers.add(stream, {
        ...changeable,
        ...startOf(subscription),
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        max_deliver: -1,
        max_ack_pending: isOrdered(lane) ? 1 : MAX_UNORDERED,
      });
    return name;
  }

  /** The subjects of a lane that a subscription wants: an owner gets all of its commands. */
  subjectsFor(owner: string, lane: string, { kind, handlers }: RegisteredSubscription): string[] {
    const begin = `${this.address.prefix}${owner}.${kind}s.${lane}`;
    if (kind === 'command') return [`${begin}.>`];
    return [...handlers.values()]
      .filter(({ contract }) => contract.owner === owner)
      .map(({ contract }) => `${begin}.${nameIn(contract)}`)
      .sort();
  }

  private async declare(owner: string, kind: Kind): Promise<void> {
    const { streams } = this.connection.admin;
    const wanted = settingsOf(this.address, owner, kind);
    const found = await streams.info(wanted.name).catch(undefinedIfMissing);
    if (found && isAs(wanted, found.config)) return;
    if (found)
      throw this.mismatch(wanted.name, 'has other settings; change them, or use another prefix');
    if (this.mode === 'verify')
      throw this.mismatch(
        wanted.name,
        'does not exist, and this service may not make it; create it as `parley topology` prints it',
      );
    await streams.add(wanted);
  }

  private mismatch(stream: string, why: string): TopologyMismatchError {
    return new TopologyMismatchError(this.address, stream, why);
  }
}

function startOf({ kind, from }: RegisteredSubscription): Partial<ConsumerConfig> {
  if (kind === 'command' || from === 'beginning') return { deliver_policy: DeliverPolicy.All };
  if (from === 'now') return { deliver_policy: DeliverPolicy.New };
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() };
}

const isAs = (wanted: object, found: object): boolean =>
  Object.entries(wanted).every(
    ([name, value]) => JSON.stringify(Reflect.get(found, name)) === JSON.stringify(value),
  );

const escaped = (character: string): string => `=${character.charCodeAt(0).toString(16)}`;

const { StreamNotFound, ConsumerNotFound } = JetStreamApiCodes;

function undefinedIfMissing(error: unknown): undefined {
  const code = error instanceof JetStreamApiError ? error.code : undefined;
  if (code !== StreamNotFound && code !== ConsumerNotFound) throw error;
}
