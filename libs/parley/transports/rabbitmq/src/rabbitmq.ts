import type { Deliver, HandlerRegistry, Intake, OutgoingMessage, Technology, Transport, TransportContext } from '@parley/messaging';
import type { Kind } from '@parley/contract';
import { Address } from './address';
import { CommandIntake } from './intake';
import { CommandPublisher } from './publisher';

export const rabbitmq: Technology = {
  name: 'rabbitmq',
  schemes: ['amqp', 'amqps'],
  kinds: ['command'],
  open: (url, context) => new RabbitTransport(new Address(url), context),
};

/** One connection to publish, one to consume: a broker that slows publishers down must not slow acknowledgements down. */
class RabbitTransport implements Transport {
  readonly technology = 'rabbitmq';
  readonly delays = true;
  readonly address: string;
  private readonly publisher: CommandPublisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.publisher = new CommandPublisher(where, context.log);
  }

  connect(): Promise<void> {
    return this.publisher.connect();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publishInOrder(messages);
  }

  intake(_kind: Exclude<Kind, 'call'>, registry: HandlerRegistry, deliver: Deliver): Intake {
    return new CommandIntake(this.where, registry, deliver, this.publisher, this.context);
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
