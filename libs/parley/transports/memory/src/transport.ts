import type { Contract, Kind } from '@parley/contract';
import {
  type Deliver,
  type HandlerRegistry,
  type Hop,
  type Intake,
  type OutgoingMessage,
  publishInTurn,
  TooLarge,
  type Transport,
} from '@parley/messaging/transport';
import type { MemoryBroker } from './broker';
import { MemoryIntake } from './consumer';

export class MemoryTransport implements Transport {
  readonly technology = 'memory';
  readonly delays = true;
  /** `memory://shop?largest=1000`: nothing here forces a limit, but others have one. */
  readonly largest?: number;

  constructor(
    readonly address: string,
    private readonly broker: MemoryBroker,
  ) {
    const largest = new URL(address).searchParams.get('largest');
    if (largest !== null) this.largest = Number(largest);
  }

  async connect(): Promise<void> {}
  async close(): Promise<void> {}

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    publishInTurn(messages, (message) => this.publishOne(message));
  }

  private publishOne(message: OutgoingMessage): void {
    const { length } = message.body;
    if (this.largest !== undefined && length > this.largest)
      throw new TooLarge(message.contract.name, length, this.largest, this.technology);
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

  intake(kind: Exclude<Kind, 'call'>, registry: HandlerRegistry, deliver: Deliver): Intake {
    return new MemoryIntake(kind, registry, this.broker, deliver);
  }
}
