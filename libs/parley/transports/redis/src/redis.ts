import type { Contract, Kind } from '@parley/contract';
import type { Deliver, HandlerRegistry, Hop, Intake, OutgoingMessage, Technology, Transport, TransportContext } from '@parley/messaging';
import { Address } from './address';
import { BroadcastIntake } from './intake';
import { BroadcastPublisher, channelOf } from './publisher';

export const redis: Technology = {
  name: 'redis',
  schemes: ['redis', 'rediss'],
  kinds: ['broadcast'],
  open: (url, context) => new RedisTransport(new Address(url), context),
};

class RedisTransport implements Transport {
  readonly technology = 'redis';
  readonly delays = false;
  readonly address: string;
  private readonly publisher: BroadcastPublisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.publisher = new BroadcastPublisher(where);
  }

  connect(): Promise<void> {
    return this.publisher.connect();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.say(messages);
  }

  intake(_kind: Exclude<Kind, 'call'>, registry: HandlerRegistry, deliver: Deliver): Intake {
    return new BroadcastIntake(this.where, registry, deliver, this.context);
  }

  describe(contract: Contract): readonly Hop[] {
    return [{ what: 'channel', name: channelOf(contract.name), why: 'to every instance that listens now; kept for nobody' }];
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
