import type { Contract, Kind } from '@parley/contract';
import {
  type Deliver,
  type SubscriptionRegistry,
  type Hop,
  type Consumer,
  type OutgoingMessage,
  publishInTurn,
  BodyTooLargeError,
  type Transport,
  type TransportContext,
} from '@parley/messaging/transport';
import type { MemoryBroker } from './broker';
import { MemoryConsumer } from './consumer';

export class MemoryTransport implements Transport {
  readonly technology = 'memory';
  readonly delays = true;
  /** `memory://shop?largest=1000`: a limit as other transports have; in memory none is needed. */
  readonly maxBodyBytes?: number;

  constructor(
    readonly address: string,
    private readonly broker: MemoryBroker,
    private readonly log: TransportContext['log'],
  ) {
    const largest = new URL(address).searchParams.get('largest');
    if (largest !== null) this.maxBodyBytes = Number(largest);
  }

  async connect(): Promise<void> {}
  async close(): Promise<void> {}

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    publishInTurn(messages, (message) => this.publishOne(message));
  }

  private publishOne(message: OutgoingMessage): void {
    const { length } = message.body;
    if (this.maxBodyBytes !== undefined && length > this.maxBodyBytes)
      throw new BodyTooLargeError(
        message.contract.name,
        length,
        this.maxBodyBytes,
        this.technology,
      );
    this.broker.publish(message);
  }

  describe({ owner, kind }: Contract): readonly Hop[] {
    return [
      {
        what: kind === 'command' ? 'queue' : 'log',
        name: owner,
        why: 'in this process; nothing survives it',
      },
    ];
  }

  consumer(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    return new MemoryConsumer(kind, registry, this.broker, deliver, this.log);
  }
}
