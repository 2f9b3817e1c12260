import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { TopologyMismatchError } from '@parley/aws';
import type { Resource, TransportContext } from '@parley/messaging/transport';
import { abortAfter } from '@parley/resilience';
import { createHash } from 'node:crypto';
import type { Address } from './address';
import { MAX_MESSAGE_BYTES } from './cloudevents';

/*
 * Queues of an owner in SQS. Sender and consumer declare the same ones, in either order; so
 * commands wait for an owner that never ran yet.
 *
 *   inventory              commands without a key, also delayed ones; delayed ones of senders without an outbox
 *   inventory-lanes.fifo   commands with a key: a message group a key
 *   inventory-dead         messages that SQS gave up on; a FIFO queue's has to be one, too
 *   inventory-dead.fifo
 */

/** Seconds: the longest SQS keeps a message; later it is gone. */
const KEPT_SECONDS = 14 * 24 * 3_600;
/**
 * Receptions after which SQS gives a command up. It is there for commands that kill their consumer:
 * returns of a drain count, too, but the pipeline's own limit comes long before it.
 */
const RECEIVED_AT_MOST = 50;
const LONGEST_NAME = 80;
const BOUND_MS = 10_000;

type Role = 'commands' | 'lanes' | 'dead' | 'deadLanes';
export type QueueUrls = Readonly<Record<Role, string>>;

export function queueNames(prefix: string, owner: string): Readonly<Record<Role, string>> {
  const name = `${prefix}${owner}`;
  return {
    commands: name,
    lanes: `${name}-lanes.fifo`,
    dead: `${name}-dead`,
    deadLanes: `${name}-dead.fifo`,
  };
}

/** A message group takes 128 plain characters; other keys go by their hash. */
export const groupOf = (key: string): string =>
  /^[!-~]{1,128}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');

/** As SQS says attributes: all text. */
function settingsOf(role: Role, address: Address, deadArn?: string): Record<string, string> {
  const isFifo = role === 'lanes' || role === 'deadLanes';
  return {
    MessageRetentionPeriod: String(KEPT_SECONDS),
    VisibilityTimeout: String(address.lease),
    DelaySeconds: '0',
    MaximumMessageSize: String(MAX_MESSAGE_BYTES),
    ...(isFifo && {
      FifoQueue: 'true',
      ContentBasedDeduplication: 'false',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    }),
    ...(deadArn !== undefined && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: deadArn,
        maxReceiveCount: RECEIVED_AT_MOST,
      }),
    }),
  };
}

/** Settings of a queue that must be as declared; the others are given with each request. */
const DEMANDED = [
  'MessageRetentionPeriod',
  'DelaySeconds',
  'MaximumMessageSize',
  'FifoQueue',
  'ContentBasedDeduplication',
  'RedrivePolicy',
] as const;

/** The queues as `topology` prints them. */
export function resourcesOf(address: Address, owner: string): readonly Resource[] {
  const names = queueNames(address.prefix, owner);
  const resource = (role: Role, dead?: Role): Resource => ({
    what: 'queue',
    name: names[role],
    settings: settingsOf(role, address, dead && names[dead]),
  });
  return [
    resource('commands', 'dead'),
    resource('lanes', 'deadLanes'),
    resource('dead'),
    resource('deadLanes'),
  ];
}

/** Knows the URLs of owners' queues; makes the queues, or checks them. */
export class Topology {
  private readonly known = new Map<string, Promise<QueueUrls>>();

  constructor(
    private readonly client: SQSClient,
    private readonly address: Address,
    private readonly mode: TransportContext['topology'] = 'create',
  ) {}

  /** The owner's queues exist, whether it ever ran or not. Asked once. */
  of(owner: string): Promise<QueueUrls> {
    const known = this.known.get(owner);
    if (known) return known;
    const declaring = this.declare(queueNames(this.address.prefix, owner));
    this.known.set(owner, declaring);
    declaring.catch(() => this.known.delete(owner));
    return declaring;
  }

  /** Some of them were deleted: they are declared again when they are needed again. */
  forget(owner: string): void {
    this.known.delete(owner);
  }

  /** @returns undefined when there is none */
  async urlOf(queue: string): Promise<string | undefined> {
    try {
      return (await this.client.send(new GetQueueUrlCommand({ QueueName: queue }), bounded()))
        .QueueUrl;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async attributesOf(
    url: string,
    names: readonly string[] = ['All'],
  ): Promise<Readonly<Record<string, string>>> {
    const asked = new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: names as QueueAttributeName[],
    });
    return (await this.client.send(asked, bounded())).Attributes ?? {};
  }

  private async declare(names: Readonly<Record<Role, string>>): Promise<QueueUrls> {
    const [dead, deadLanes] = await Promise.all([
      this.ensure(names.dead, 'dead'),
      this.ensure(names.deadLanes, 'deadLanes'),
    ]);
    const arns = await Promise.all(
      [dead, deadLanes].map(async (url) => (await this.attributesOf(url, ['QueueArn'])).QueueArn),
    );
    const [commands, lanes] = await Promise.all([
      this.ensure(names.commands, 'commands', arns[0]),
      this.ensure(names.lanes, 'lanes', arns[1]),
    ]);
    return { commands, lanes, dead, deadLanes };
  }

  private async ensure(queue: string, role: Role, deadArn?: string): Promise<string> {
    if (queue.length > LONGEST_NAME)
      throw new TopologyMismatchError(
        this.address,
        `the queue ${queue}`,
        `has a name of more than ${LONGEST_NAME} characters; shorten the prefix or the service's name`,
      );
    const settings = settingsOf(role, this.address, deadArn);
    const url = await this.urlOf(queue);
    if (url !== undefined) {
      const found = await this.raised(url, await this.attributesOf(url));
      this.refuseOther(queue, settings, found);
      return url;
    }
    if (this.mode === 'verify')
      throw new TopologyMismatchError(
        this.address,
        `the queue ${queue}`,
        'does not exist, and this service may not make it; create it as `parley topology` prints it',
      );
    return this.create(queue, settings);
  }

  private async create(queue: string, settings: Record<string, string>): Promise<string> {
    try {
      return (
        await this.client.send(
          new CreateQueueCommand({ QueueName: queue, Attributes: settings }),
          bounded(),
        )
      ).QueueUrl!;
    } catch (error) {
      const { name } = error as Error;
      if (name === 'QueueDeletedRecently')
        throw new TopologyMismatchError(
          this.address,
          `the queue ${queue}`,
          'was deleted a moment ago; AWS lets it be made again after 60 s',
        );
      if (name === 'QueueNameExists' || name === 'QueueAlreadyExists')
        throw new TopologyMismatchError(
          this.address,
          `the queue ${queue}`,
          'has other settings; delete it when it is empty, or use another prefix',
        );
      throw error;
    }
  }

  /** Queues that are older than messages of 1 MiB take 256 KiB until they are told otherwise. */
  private async raised(
    url: string,
    found: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>> {
    const size = Number(found.MaximumMessageSize ?? MAX_MESSAGE_BYTES);
    if (this.mode === 'verify' || size >= MAX_MESSAGE_BYTES) return found;
    const raised = { MaximumMessageSize: String(MAX_MESSAGE_BYTES) };
    const raise = new SetQueueAttributesCommand({ QueueUrl: url, Attributes: raised });
    await this.client.send(raise, bounded());
    return { ...found, ...raised };
  }

  private refuseOther(
    queue: string,
    wanted: Readonly<Record<string, string>>,
    found: Readonly<Record<string, string>>,
  ): void {
    const other = DEMANDED.find(
      (name) =>
        found[name] !== undefined &&
        comparable(found[name]) !== comparable(wanted[name] ?? 'false'),
    );
    const missing =
      wanted.RedrivePolicy !== undefined && found.RedrivePolicy === undefined
        ? 'RedrivePolicy'
        : undefined;
    const name = other ?? missing;
    if (name === undefined) return;
    throw new TopologyMismatchError(
      this.address,
      `the queue ${queue}`,
      `has ${name} ${found[name] ?? 'not set'} instead of ${wanted[name] ?? 'none'}; change it, or use another prefix`,
    );
  }
}

/** The same policy may be written in more than one way. */
function comparable(value: string): string {
  if (!value.startsWith('{')) return value;
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(value) as Record<string, unknown>;
  return `${String(deadLetterTargetArn)} after ${Number(maxReceiveCount)}`;
}

export const isMissing = (error: unknown): boolean =>
  /QueueDoesNotExist|NonExistentQueue/.test((error as Error).name);

/** For one request: SQS answers in time, or not at all. */
export const bounded = (
  milliseconds = BOUND_MS,
  signal?: AbortSignal,
): { readonly abortSignal: AbortSignal } => {
  const timeout = abortAfter(milliseconds);
  return { abortSignal: signal ? AbortSignal.any([signal, timeout]) : timeout };
};
