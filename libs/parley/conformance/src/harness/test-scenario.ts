import { randomBytes, randomUUID } from 'node:crypto';
import { Controller, type Type } from '@nestjs/common';
import {
  broadcast,
  call,
  command,
  event,
  type Broadcast,
  type Call,
  type Command,
  type Contract,
  type Duration,
  type Event,
  type Kind,
  type Message,
  type Question,
  type ResilienceDefinition,
  type Stream,
  stream,
} from '@parley/contract';
import {
  Handles,
  Subscription,
  type CallContext,
  type DeadLetter,
  type Envelope,
  type HandlerContext,
  type HandlerOptions,
  type SubscriptionOptions,
} from '@parley/messaging';
import type { OutgoingMessage } from '@parley/messaging/transport';
import { z } from 'zod';
import type { Feature, Features, Fixture } from './fixture';
import { Instance, type InstanceOptions } from './instance';
import { eventually, Recorder } from './recorder';

/** The payload of every test's messages. */
export const Job = z.object({ key: z.string(), n: z.int(), text: z.string().optional() });
export type Job = z.infer<typeof Job>;
export type Handle = (job: Job, context: HandlerContext<object>) => Promise<unknown> | unknown;

/** A handling, as the tests tell of it. */
export interface Seen {
  readonly job: Job;
  readonly attempt: number;
  readonly id: string;
  readonly by?: string;
}

export interface Interest extends InstanceOptions {
  readonly options?: HandlerOptions;
  /** Events only. */
  readonly subscription?: string;
  readonly from?: SubscriptionOptions['from'];
  /** More controllers in the same instance. */
  readonly beside?: readonly Type[];
  readonly service?: string;
}

const CLEANUP = 15_000;

/**
 * The names and instances of one test; no other test uses these names. Senders and receivers are
 * separate services; the contract's kind decides which of them owns it.
 */
export class TestScenario {
  readonly base = `t${randomBytes(4).toString('hex')}`;
  private readonly instances: Instance[] = [];
  private readonly names = new Map<string, number>();
  private sendingInstance?: Promise<Instance>;

  constructor(
    readonly kind: Kind,
    readonly fixture: Fixture,
    /** Told of every feature that is tried. */
    private readonly use: (feature: Feature) => void,
  ) {}

  get features(): Features {
    return this.fixture.features;
  }

  offers(feature: Feature): boolean {
    const offered = this.fixture.features.offers[feature] === true;
    if (offered) this.use(feature);
    return offered;
  }

  /** The service that handles. */
  get receiver(): string {
    return this.isReceivedByOwner ? this.base : `${this.base}-receiver`;
  }

  /** The service that sends. */
  get sender(): string {
    return this.isReceivedByOwner ? `${this.base}-sender` : this.base;
  }

  private get isReceivedByOwner(): boolean {
    return this.kind === 'command' || this.kind === 'call';
  }

  /** A contract of this kind, from the sender to the receiver. */
  contract(name = 'do-job', keyed = true): Contract<Kind, Job> {
    return this.contractOf(this.base, name, keyed);
  }

  contractOf(owner: string, name: string, keyed = true): Contract<Kind, Job> {
    const wire = `${owner}.${name}`;
    if (this.kind === 'command')
      return (keyed
        ? command(wire, Job, { key: 'key' })
        : command(wire, Job)) as unknown as Contract<Kind, Job>;
    if (this.kind === 'event')
      return event(wire, Job, { key: 'key' }) as unknown as Contract<Kind, Job>;
    return broadcast(wire, Job) as unknown as Contract<Kind, Job>;
  }

  /** A contract that the receiver sends to itself. */
  afterwards(name = 'follow-up'): Contract<Kind, Job> {
    return this.contractOf(this.receiver, name);
  }

  question(
    name = 'ask-job',
    resilience?: ResilienceDefinition<Job, Job>,
  ): Call<Job, Job, { refused: typeof Job }> {
    return call(`${this.base}.${name}`, {
      request: Job,
      reply: Job,
      errors: { refused: Job },
      deadline: '20s',
      resilience,
    });
  }

  listing(name = 'list-jobs', silence?: Duration): Stream<Job, Job, { refused: typeof Job }> {
    return stream(`${this.base}.${name}`, {
      request: Job,
      item: Job,
      errors: { refused: Job },
      deadline: '20s',
      silence,
    });
  }

  /** An instance without handlers. */
  instance(service: string): Promise<Instance> {
    return this.start(service, []);
  }

  async start(
    service: string,
    controllers: readonly Type[],
    options: InstanceOptions = {},
  ): Promise<Instance> {
    const count = (this.names.get(service) ?? 0) + 1;
    this.names.set(service, count);
    for (const known of [service, this.receiver, this.sender]) await this.fixture.admit?.(known);
    const place = await this.fixture.open(service);
    const instance = await Instance.start(
      service,
      `${service}-${count}`,
      place,
      controllers,
      options,
    );
    this.instances.push(instance);
    return instance;
  }

  /** An instance of the receiver with a handler for one contract. */
  receive(contract: Contract, handle: Handle, interest: Interest = {}): Promise<Instance> {
    const controllers = [handler(contract, handle, interest), ...(interest.beside ?? [])];
    return this.start(interest.service ?? this.receiver, controllers, interest);
  }

  answer<C extends Question>(
    contract: C,
    handle: (job: Job, context: CallContext) => unknown,
    beside: readonly (readonly [Question, Handle])[] = [],
  ): Promise<Instance> {
    const controllers = beside.map(([other, handle]) => handler(other, handle));
    return this.start(this.receiver, [
      handler(contract, handle as unknown as Handle),
      ...controllers,
    ]);
  }

  /** The instance through which the test sends. */
  senderInstance(): Promise<Instance> {
    return (this.sendingInstance ??= this.instance(this.sender));
  }

  async send(contract: Contract, ...jobs: Job[]): Promise<void> {
    const sender = await this.senderInstance();
    for (const job of jobs) await say(sender, contract, job);
  }

  async inject(...messages: OutgoingMessage[]): Promise<void> {
    await (await this.senderInstance()).inject(...messages);
  }

  /** An effect of a handling, in its transaction. */
  record(tx: object, effect: string, service = this.receiver): Promise<void> {
    return this.fixture.record(service, tx, effect);
  }

  /** @see Fixture.forget */
  forget(olderThan: number): Promise<void> {
    return this.fixture.forget!(this.receiver, olderThan);
  }

  effects(service = this.receiver): Promise<readonly string[]> {
    return this.fixture.effects(service);
  }

  journal(): Recorder<Seen> {
    return new Recorder<Seen>();
  }

  /** Waits for the service's dead letters. */
  dead(instance: Instance, count = 1): Promise<readonly DeadLetter[]> {
    return eventually(async () => {
      const letters = await instance.deadLetters();
      return letters.length >= count && letters;
    }, `${count} dead letters of ${instance.service}`);
  }

  explain(error: unknown): void {
    const complaints = this.instances.flatMap((instance) => instance.complaints).slice(-10);
    if (error instanceof Error && complaints.length > 0)
      error.message += `\n\ncomplaints:\n  ${complaints.join('\n  ')}`;
  }

  async close(): Promise<void> {
    const ending = Promise.all(
      this.instances.map((instance) =>
        (instance.buried ?? instance.stop(100)).catch(() => undefined),
      ),
    );
    await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, CLEANUP).unref())]);
  }
}

export function say(instance: Instance, contract: Contract, job: Job): Promise<void> {
  const { messenger } = instance;
  if (contract.kind === 'command') return messenger.send(contract as Command, job);
  if (contract.kind === 'event') return messenger.publish(contract as Event, job);
  return messenger.broadcast(contract as Broadcast, job);
}

export const note =
  (journal: Recorder<Seen>, by?: string) =>
  (job: Job, { attempt, envelope }: HandlerContext<object>): void =>
    journal.note({ job, attempt, id: envelope.id, by });

/** A Nest controller with one handler. */
export function handler(
  contract: Contract,
  handle: Handle,
  { options, subscription = 'trial', from }: Interest = {},
): Type {
  @Controller()
  class HandlerOnTrial {
    async handle(message: never, context: never): Promise<unknown> {
      return handle(message, context);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(HandlerOnTrial.prototype, 'handle')!;
  Handles(contract as Contract<Kind, never>, options)(
    HandlerOnTrial.prototype,
    'handle',
    descriptor as never,
  );
  Object.defineProperty(HandlerOnTrial.prototype, 'handle', descriptor);
  if (contract.kind === 'event')
    Subscription(subscription, from === undefined ? {} : { from })(HandlerOnTrial);
  return HandlerOnTrial;
}

/** A message as it goes over the wire, with an envelope of the test's own. */
export function raw(
  contract: Contract,
  job: Partial<Message<Contract<Kind, Job>>> | Buffer,
  envelope: Partial<Envelope> = {},
): OutgoingMessage {
  const id = envelope.id ?? randomUUID();
  const body = Buffer.isBuffer(job) ? job : Buffer.from(JSON.stringify(job));
  const written: Envelope = {
    specversion: '1.0',
    id,
    type: contract.name,
    source: `/${contract.owner}`,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: id,
    partitionkey: contract.key === undefined ? undefined : Buffer.isBuffer(job) ? 'k' : job.key,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'conformance-1',
    producerbuild: 'conformance',
    sequence: contract.kind === 'broadcast' ? '1' : undefined,
    ...envelope,
  };
  return { contract, envelope: written, body };
}

/** Numbers of jobs, from 1. */
export const jobs = (count: number, key: (n: number) => string = () => 'k'): Job[] =>
  Array.from({ length: count }, (_, i) => ({ key: key(i + 1), n: i + 1 }));
