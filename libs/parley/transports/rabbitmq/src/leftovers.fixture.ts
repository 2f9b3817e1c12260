import { connect, type ChannelModel } from 'amqplib';
import { exchangeOf } from './broadcast-exchange';
import { deadQueue, delayQueues, laneQueues } from './topology';

/** Number of services to clean up at a time: each has thirty queues. */
const AT_A_TIME = 4;

/** Broadcast contracts of the suites. */
const NEWS = ['do-job', 'follow-up', 'bell-one', 'bell-two', 'bell-three'];

const queuesOf = (owner: string): string[] => [
  owner,
  deadQueue(owner),
  ...laneQueues(owner),
  ...delayQueues(owner),
];

/**
 * Deletes the queues of services that tests made, and checks that they are gone. @returns the
 * queues that still exist
 */
export async function dropQueuesOf(
  url: string,
  owners: Iterable<string>,
): Promise<readonly string[]> {
  const connection = await connect(url);
  try {
    const left: string[] = [];
    const all = [...owners];
    while (all.length > 0)
      left.push(
        ...(
          await Promise.all(all.splice(0, AT_A_TIME).map((owner) => drop(connection, owner)))
        ).flat(),
      );
    return left;
  } finally {
    await connection.close();
  }
}

async function drop(connection: ChannelModel, owner: string): Promise<readonly string[]> {
  const channel = await connection.createChannel();
  // RabbitMQ confirms the deletion of a missing queue, too.
  await Promise.all(queuesOf(owner).map((queue) => channel.deleteQueue(queue)));
  await Promise.all(NEWS.map((name) => channel.deleteExchange(exchangeOf(`${owner}.${name}`))));
  await channel.close();
  const found = await Promise.all(
    [owner, deadQueue(owner)].map(async (queue) =>
      (await isThere(connection, queue)) ? queue : [],
    ),
  );
  return found.flat();
}

/** Checks on a channel of its own: asking for a missing queue closes the channel. */
async function isThere(connection: ChannelModel, queue: string): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  try {
    await channel.checkQueue(queue);
    await channel.close();
    return true;
  } catch {
    return false;
  }
}
