import { SQSClient } from '@aws-sdk/client-sqs';
import { HTTP, openedWhenUp } from '@parley/aws';
import type { Contract, Kind } from '@parley/contract';
import type { Technology } from '@parley/messaging';
import type {
  Deliver,
  Finding,
  SubscriptionRegistry,
  Hop,
  Consumer,
  OutgoingMessage,
  Resource,
  Transport,
  TransportContext,
  RegisteredSubscription,
} from '@parley/messaging/transport';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Address } from './address';
import { checkDurability } from './durability-check';
import { CommandConsumer } from './command-consumer';
import { CommandPublisher } from './publisher';
import { queueNames, resourcesOf, Topology } from './topology';
import { LARGEST_BODY } from './cloudevents';

export const sqs: Technology = {
  name: 'sqs',
  schemes: ['sqs'],
  kinds: ['command'],
  open: (url, context) => new SqsTransport(new Address(url), context),
};

class SqsTransport implements Transport {
  readonly technology = 'sqs';
  readonly delays = 'without a key';
  readonly maxBodyBytes = LARGEST_BODY;
  readonly address: string;
  private readonly client: SQSClient;
  private readonly topologyOfOwners: Topology;
  private readonly publisher: CommandPublisher;
  private closed = false;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.client = clientOf(where);
    this.topologyOfOwners = new Topology(this.client, where, context.topology);
    this.publisher = new CommandPublisher(this.client, where, this.topologyOfOwners);
  }

  /**
   * Asks for a queue, whether there is one or not: so much takes an SQS that answers, and
   * credentials that are good.
   */
  async connect(): Promise<void> {
    try {
      const { commands } = queueNames(this.where.prefix, this.context.service);
      const ask = () => this.topologyOfOwners.urlOf(commands);
      await openedWhenUp(this.where, this.context, () => this.closed, ask);
    } catch (error) {
      this.client.destroy();
      throw error;
    }
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publishInOrder(messages);
  }

  consumer(
    _kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    return new CommandConsumer(
      this.client,
      this.where,
      registry,
      deliver,
      this.publisher,
      this.topologyOfOwners,
      this.context,
    );
  }

  describe({ owner, key }: Contract): readonly Hop[] {
    const { commands, lanes, dead, deadLanes } = queueNames(this.where.prefix, owner);
    const keyed = {
      what: 'queue',
      name: `${lanes}, by ${key}`,
      why: `FIFO, a message group each: those of one ${key} are handled in the order they were sent`,
    };
    return [
      key === undefined
        ? { what: 'queue', name: commands, why: 'commands wait for their owner, up to 14 days' }
        : keyed,
      {
        what: 'queue',
        name: key === undefined ? dead : deadLanes,
        why: 'what SQS itself gives up on; the owner keeps it with its dead letters',
      },
    ];
  }

  topology(
    sent: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    const owners = new Set([
      ...sent.filter(({ kind }) => kind === 'command').map(({ owner }) => owner),
      ...handled.filter(({ kind }) => kind === 'command').map(({ name }) => name),
    ]);
    return [...owners].flatMap((owner) => resourcesOf(this.where, owner));
  }

  checkDurability(): Promise<readonly Finding[]> {
    return checkDurability(this.topologyOfOwners, this.where, this.context.service);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.client.destroy();
  }
}

function clientOf({ region, endpoint, credentials }: Address): SQSClient {
  return new SQSClient({
    region,
    endpoint,
    credentials,
    // A queue's URL may name a host that only SQS itself knows: it is asked where it was found.
    useQueueUrlAsEndpoint: false,
    maxAttempts: 2,
    requestHandler: new NodeHttpHandler(HTTP),
  });
}
