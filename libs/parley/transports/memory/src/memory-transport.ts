import type { Kind } from '@parley/contract';
import type { Deliver, HandlerRegistry, Intake, OutgoingMessage, Transport } from '@parley/messaging';
import type { MemoryBroker } from './memory-broker';
import { MemoryIntake } from './memory-intake';

export class MemoryTransport implements Transport {
  readonly technology = 'memory';
  readonly delays = true;

  constructor(
    readonly address: string,
    private readonly broker: MemoryBroker,
  ) {}

  async connect(): Promise<void> {}
  async close(): Promise<void> {}

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    for (const message of messages) this.broker.publish(message);
  }

  intake(kind: Exclude<Kind, 'call'>, registry: HandlerRegistry, deliver: Deliver): Intake {
    return new MemoryIntake(kind, registry, this.broker, deliver);
  }
}
