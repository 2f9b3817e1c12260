import type { Deliver, HandlerRegistry, Hop, Intake, OutgoingMessage, Technology, Transport, TransportContext } from '@parley/messaging';
import type { Contract, Kind } from '@parley/contract';
import { Address } from './address';
import { CommandIntake } from './intake';
import { CommandPublisher } from './publisher';
import { deadQueue, LANES, RUNGS } from './topology';

export const rabbitmq: Technology = {
  name: 'rabbitmq',
  schemes: ['amqp', 'amqps'],
  kinds: ['command'],
  open: (url, context) => new RabbitTransport(new Address(url), context),
};

/** One connection to publish, one to consume: a broker that slows publishers down must not slow acknowledgements down. */
/** RabbitMQ's `max_message_size` since 4.0; before, it was 128 MiB. Above it the broker closes the channel, and so other messages would suffer. */
const LARGEST = 16 * 1024 * 1024;

class RabbitTransport implements Transport {
  readonly technology = 'rabbitmq';
  readonly largest = LARGEST;
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

  describe({ owner, key }: Contract): readonly Hop[] {
    const lanes = { what: 'queue', name: `${owner}.lane-00 … lane-${LANES - 1}, by ${key}`, why: `one active consumer each: those of one ${key} are handled in the order they were sent` };
    return [
      { what: 'queue', name: `${owner}.delay.${RUNGS[0]}s … ${RUNGS.at(-1)}s`, why: 'only commands with a delay wait here; the broker moves them on' },
      key === undefined ? { what: 'queue', name: owner, why: 'quorum queue: commands wait for their owner' } : lanes,
      { what: 'queue', name: deadQueue(owner), why: 'what the broker itself gives up on; the owner keeps it with its dead letters' },
    ];
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
