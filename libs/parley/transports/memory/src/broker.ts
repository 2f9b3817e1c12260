import {
  type CallResult,
  type Items,
  type OutgoingCall,
  type Clock,
  type Headers,
  type OutgoingMessage,
  type RegisteredSubscription,
  headersOf,
} from '@parley/messaging/transport';
import { MemoryClaimStore } from './claim-store';
import { MemoryQueue } from './queue';
import type { Item } from './queue-item';
import { MemorySubjectKeys } from './subject-keys';
import { FaultInjection } from './fault-injection';

const brokers = new Map<string, MemoryBroker>();

/** An instance that answers calls. */
export interface AnsweringInstance {
  /** Rejects with the signal's reason as soon as it is aborted, even if the handler goes on. */
  ask(request: OutgoingCall, cancelled: AbortSignal): Promise<CallResult>;
  open(request: OutgoingCall): Items;
}

/** Receives a copy of every message from now on. */
export type Listener = (headers: Headers, body: Buffer) => void;

/**
 * The broker of `memory://name`: one object per name in the process, through which its services
 * communicate. It outlives them, as a broker does.
 */
export class MemoryBroker {
  /** The instances that answer calls, by owner. */
  readonly answering = new Map<string, AnsweringInstance[]>();
  private readonly commands = new Map<string, MemoryQueue>();
  private readonly groups = new Map<string, MemoryQueue>();
  private readonly log: {
    readonly headers: Headers;
    readonly body: Buffer;
    readonly at: number;
  }[] = [];
  private readonly tails = new Set<Listener>();
  private readonly listeners = new Set<Listener>();
  /** Broadcasts, and events for live tails, that were sent and have not reached a consumer. */
  arriving = 0;
  /** The present consumers of broadcasts and live tails. */
  readonly broadcasts = new Set<{ readonly unsettled: number }>();
  /** Called with every published message, before it is delivered. */
  readonly witnesses = new Set<(message: OutgoingMessage) => void>();

  /** Key and claim stores that its services share. */
  readonly subjectKeys: MemorySubjectKeys;
  readonly claims: MemoryClaimStore;

  private constructor(
    private readonly clock: Clock,
    private readonly mischief: FaultInjection,
  ) {
    this.subjectKeys = new MemorySubjectKeys(clock);
    this.claims = new MemoryClaimStore(clock);
  }

  /**
   * Returns the broker of a URL, created if needed. The first caller determines its clock and its
   * faults.
   */
  static at(url: string, clock: Clock): MemoryBroker {
    const { host, searchParams } = new URL(url);
    let broker = brokers.get(host);
    if (!broker)
      brokers.set(host, (broker = new MemoryBroker(clock, new FaultInjection(searchParams))));
    return broker;
  }

  /** Forgets the broker and all its messages; later calls of `at` create another one. */
  static forget(url: string): void {
    brokers.delete(new URL(url).host);
  }

  publish(message: OutgoingMessage): void {
    const headers = headersOf(message.envelope);
    const body = Buffer.from(message.body);
    for (const witness of this.witnesses) witness(message);
    if (message.contract.kind === 'command')
      this.commandsOf(message.contract.owner).add({
        headers,
        body,
        due: this.clock.elapsed() + (message.delay ?? 0),
      });
    else if (message.contract.kind === 'event') this.append(headers, body);
    else for (const receive of this.listeners) receive(headers, body);
  }

  /** The queue of the commands that a service owns; it exists before the service does. */
  commandsOf(owner: string): MemoryQueue {
    return queueIn(this.commands, owner, () => new MemoryQueue(owner, this.clock, this.mischief));
  }

  /** The subscription's own queue, filled from the log from the start that it asks for. */
  groupOf({ name, from }: RegisteredSubscription): MemoryQueue {
    return queueIn(this.groups, name, () => {
      const group = new MemoryQueue(name, this.clock, this.mischief);
      for (const { headers, body, at } of this.log)
        if (isAfter(from, at)) group.add({ headers, body, due: 0 });
      return group;
    });
  }

  tail(listener: Listener): () => void {
    this.tails.add(listener);
    return () => this.tails.delete(listener);
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Describes messages being handled or ready to be; queues without a consumer are left out. */
  unsettled(): readonly string[] {
    const queues = [...this.commands.values(), ...this.groups.values()].filter(
      ({ pending }) => pending > 0,
    );
    const unsettled = [...this.broadcasts].reduce((sum, one) => sum + one.unsettled, this.arriving);
    const received = unsettled > 0 ? [`${unsettled} broadcasts or events being handled`] : [];
    return [...queues.map(({ name, pending }) => `${pending} messages for ${name}`), ...received];
  }

  private append(headers: Headers, body: Buffer): void {
    this.log.push({ headers, body, at: this.clock.now() });
    for (const group of this.groups.values()) group.add({ headers, body, due: 0 } satisfies Item);
    for (const receive of this.tails) receive(headers, body);
  }
}

const isAfter = (from: RegisteredSubscription['from'], at: number): boolean =>
  from === 'beginning' || (from instanceof Date && at >= from.getTime());

function queueIn(
  queues: Map<string, MemoryQueue>,
  name: string,
  make: () => MemoryQueue,
): MemoryQueue {
  let queue = queues.get(name);
  if (!queue) queues.set(name, (queue = make()));
  return queue;
}
