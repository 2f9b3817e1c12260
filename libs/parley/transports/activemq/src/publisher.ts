import {
  type OutgoingMessage,
  queueOf,
  sendInOrder,
  type TransportContext,
  withTimeout,
  UnroutableError,
  bugIn,
  NotStoredError,
  PublishErrors,
} from '@parley/messaging/transport';
import type { Message } from 'rhea';
import { type Address, TopologyMismatchError } from './address';
import { messageOf } from './cloudevents';
import { AmqpConnection } from './amqp-connection';
import { Management } from './management';
import { SenderLinks } from './sender-links';
import { addressOf, declare, laneOf, missingFrom } from './topology';

const CONNECTED_WITHIN_MS = 10_000;

/** Sends commands and broadcasts over one connection. */
export class Publisher {
  private readonly line: AmqpConnection;
  private readonly errors: PublishErrors;
  private readonly outlets: SenderLinks;
  private management?: Management;
  private declared = new Map<string, Promise<void>>();

  constructor(
    private readonly address: Address,
    private readonly context: TransportContext,
  ) {
    const opened = (connection: ConstructorParameters<typeof Management>[0]) => {
      this.management = new Management(connection);
      this.declared = new Map();
      return Promise.resolve();
    };
    this.line = new AmqpConnection(address, `${context.instance}-says`, {
      log: context.log,
      opened,
      lost: (why) => this.outlets.lost(why),
    });
    this.errors = new PublishErrors(`ActiveMQ at ${address}`);
    this.outlets = new SenderLinks(this.line, this.errors);
  }

  connect(): Promise<void> {
    return this.line.start();
  }

  close(): Promise<void> {
    return this.line.close();
  }

  /**
   * In order per key: one unconfirmed at a time. Different keys, and messages without one, side by
   * side.
   */
  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return sendInOrder(messages, (message) =>
      message.contract.kind === 'broadcast' ? this.broadcast(message) : this.send(message),
    );
  }

  /** Puts a command into a queue of the owner. Resolves when the broker has it. */
  async put(owner: string, queue: string, message: Message): Promise<void> {
    await this.ensure(owner, (management) =>
      declare(management, owner, this.address, this.context.topology),
    );
    try {
      await this.outlets.send(queue, 'queue', message);
    } catch (error) {
      if (error instanceof UnroutableError) this.declared.delete(owner);
      throw error;
    }
  }

  /** Asks the broker about itself. */
  async manage<T>(work: (management: Management) => Promise<T>): Promise<T> {
    await withTimeout(CONNECTED_WITHIN_MS, this.line.arrival(), () => this.errors.notConnected());
    return work(this.management!);
  }

  private send(message: OutgoingMessage): Promise<void> {
    const owner = queueOf(message.contract);
    const { partitionkey } = message.envelope;
    return this.put(
      owner,
      partitionkey === undefined ? owner : laneOf(owner, partitionkey),
      messageOf(message, true),
    );
  }

  /**
   * The broker makes the address when a link to it is opened; where that is not its to do, it is
   * looked for first.
   */
  private async broadcast(message: OutgoingMessage): Promise<void> {
    const target = addressOf(message.contract.name);
    if (this.context.topology === 'verify')
      await this.ensure(target, (management) => addressIsThere(management, target, this.address));
    await this.outlets.send(target, 'topic', messageOf(message, false));
  }

  /**
   * Asked once per connection, before anything is sent.
   * @throws TopologyMismatchError, NotStoredError
   */
  private async ensure(
    what: string,
    look: (management: Management) => Promise<void>,
  ): Promise<void> {
    try {
      await this.manage((management) => {
        const { declared } = this;
        const looking = declared.get(what) ?? look(management);
        declared.set(what, looking);
        looking.catch(() => declared.delete(what));
        return looking;
      });
    } catch (error) {
      if (error instanceof NotStoredError || error instanceof TopologyMismatchError) throw error;
      throw (
        bugIn(error) ??
        this.errors.notStored(what, `not declared: ${(error as Error).message}`, error)
      );
    }
  }
}

export async function addressIsThere(
  management: Management,
  target: string,
  address: Address,
): Promise<void> {
  await management.ask('getAddressInfo', target).catch((error: Error) => {
    throw /does not exist|no address|AMQ229203/i.test(error.message)
      ? missingFrom(address, `the address ${target}`)
      : error;
  });
}
