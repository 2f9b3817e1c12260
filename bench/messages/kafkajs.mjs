// Kafka by hand: kafkajs with acks=all; positions are committed after the handling. With
// `settings.inbox` each message takes effect once.
import kafkajs from 'kafkajs';
import { handling, installInbox } from './inbox.mjs';
import { read, written } from './order.mjs';

/** @import { Contestant } from './process.mjs' */

const { Kafka, logLevel, Partitioners } = kafkajs;
const PARTITIONS = 3;
/** Longest wait of a fetch, which a consumer that ends has to wait for; it shortens no latency. */
const maxWaitTimeInMs = 500;

/** @param {string} url */
export const brokerOf = (url) => url.replace('kafka://', '');

/** @param {string} url @param {string} clientId */
const clientOf = (url, clientId) =>
  new Kafka({ clientId, brokers: [brokerOf(url)], logLevel: logLevel.NOTHING });

/** @param {string} url @param {string} topic */
export async function makeTopic(url, topic) {
  const admin = clientOf(url, topic).admin();
  await admin.connect();
  await admin.createTopics({
    topics: [{ topic, numPartitions: PARTITIONS }],
    waitForLeaders: true,
  });
  await admin.disconnect();
}

/** @type {Contestant} */
export default {
  async install({ postgres, kafka, name }) {
    await installInbox(postgres);
    await makeTopic(kafka, name);
  },

  async producer({ kafka, name: topic }) {
    const producer = clientOf(kafka, topic).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
    });
    await producer.connect();
    return {
      send: (message) =>
        producer.send({
          topic,
          acks: -1,
          messages: [{ key: message.customer, value: written(message) }],
        }),
      sendTogether: (messages) =>
        producer.send({
          topic,
          acks: -1,
          messages: messages.map((message) => ({ key: message.customer, value: written(message) })),
        }),
      end: () => producer.disconnect(),
    };
  },

  async consumer({ kafka, postgres, name: topic, settings }, work, handled) {
    const { handle, end } = handling(
      postgres,
      { ...work, inbox: settings['inbox'] === true },
      handled,
    );
    const consumer = clientOf(kafka, topic).consumer({ groupId: topic, maxWaitTimeInMs });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    const { batch } = work;
    /** @param {Buffer | null} value */
    const orderOf = (value) => read(JSON.parse(String(value)));
    await consumer.run({
      partitionsConsumedConcurrently: PARTITIONS,
      ...(batch
        ? {
            async eachBatch({ batch: { messages }, resolveOffset, heartbeat }) {
              for (let from = 0; from < messages.length; from += batch) {
                const some = messages.slice(from, from + batch);
                await handle(some.map(({ value }) => orderOf(value)));
                resolveOffset(some.at(-1)?.offset ?? '');
                await heartbeat();
              }
            },
          }
        : { eachMessage: ({ message: { value } }) => handle([orderOf(value)]) }),
    });
    await joined;
    return async () => {
      await consumer.disconnect();
      await end();
    };
  },
};
