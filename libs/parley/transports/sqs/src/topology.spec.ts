import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Address } from './address';
import { queueNames, resourcesOf, Topology } from './topology';

type Attributes = Record<string, string>;

/**
 * The requests of the topology as SQS answers them, from queues in memory. ElasticMQ, on which the
 * other specs run, does not know the size of a queue's messages.
 */
class QueueServer {
  readonly queues = new Map<string, Attributes>();
  private readonly server: Server = createServer(async (request, response) => {
    const action = String(request.headers['x-amz-target']).split('.')[1]!;
    const asked = JSON.parse(await text(request)) as Record<string, never>;
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    response.end(JSON.stringify(this.answer(action, asked)));
  });

  async listen(): Promise<SQSClient> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening');
    return new SQSClient({
      endpoint: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    });
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private answer(action: string, asked: { QueueName?: string; QueueUrl?: string }): object {
    if (action === 'GetQueueUrl') return { QueueUrl: `https://sqs/1/${asked.QueueName}` };
    const queue = asked.QueueUrl!.split('/').at(-1)!;
    const attributes = this.queues.get(queue)!;
    if (action === 'SetQueueAttributes')
      Object.assign(attributes, (asked as { Attributes?: Attributes }).Attributes);
    return { Attributes: attributes };
  }
}

describe('queues that are older than messages of 1 MiB', () => {
  const address = new Address('sqs://eu-west-1');
  let server: QueueServer;
  let client: SQSClient;

  beforeEach(async () => {
    server = new QueueServer();
    for (const { name, settings } of resourcesOf(address, 'inventory')) {
      const own = settings as Attributes;
      server.queues.set(name, { ...own, QueueArn: name, MaximumMessageSize: '262144' });
    }
    client = await server.listen();
  });
  afterEach(() => {
    client.destroy();
    server.close();
  });

  const sizes = () => [...server.queues.values()].map((queue) => Number(queue.MaximumMessageSize));

  it('are told to take them', async () => {
    const urls = await new Topology(client, address).of('inventory');
    expect(urls.commands).toBe(`https://sqs/1/${queueNames('', 'inventory').commands}`);
    expect(sizes()).toEqual(Array(4).fill(1_048_576));
  });

  it('are named by a service that may not change them', async () => {
    await expect(new Topology(client, address, 'verify').of('inventory')).rejects.toThrow(
      /the queue inventory-dead\S* has MaximumMessageSize 262144 instead of 1048576; change it/,
    );
    expect(sizes()).toEqual(Array(4).fill(262_144));
  });
});
