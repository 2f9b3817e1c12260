import { connect, type ChannelModel } from 'amqplib';
import { exchangeOf } from './broadcast-exchange';
import { deadQueue, delayQueues, laneQueues } from './topology';

/** How many services' queues are deleted at a time: each has thirty. */
const AT_A_TIME = 4;

/** What the suites broadcast. */
const NEWS = ['do-job', 'follow-up', 'bell-one', 'bell-two', 'bell-three'];

const queuesOf = (owner: string): string[] => [
  owner,
  deadQueue(owner),
  ...laneQueues(owner),
  ...delayQueues(owner),
];

/**
 * Deletes the queues of services that tests made, and looks whether they are gone. @returns those
 * that are there all the same
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
  // What is not there is deleted, too, says RabbitMQ.
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

/** Asking for a queue that is not there costs the channel. */
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
