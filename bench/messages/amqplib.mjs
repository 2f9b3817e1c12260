// RabbitMQ by hand: amqplib, a quorum queue, confirms, an acknowledgement after the handling; with
// `settings.inbox` in one transaction with a row of the inbox.
import { connect } from 'amqplib';
import { handling, installInbox } from './inbox.mjs';
import { read, written } from './order.mjs';

/** @import { ConsumeMessage } from 'amqplib' */
/** @import { Contestant } from './process.mjs' */

const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
/** A batch that does not fill is handled after this time. */
const BATCH_MS = 5;

/** @type {Contestant} */
export default {
  install: ({ postgres }) => installInbox(postgres),

  async producer({ rabbitmq, name }) {
    const connection = await connect(rabbitmq);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(name, QUORUM);
    return {
      send: (message) =>
        new Promise((resolve, reject) =>
          channel.sendToQueue(name, Buffer.from(written(message)), { persistent: true }, (error) =>
            error ? reject(error) : resolve(undefined),
          ),
        ),
      end: async () => {
        await channel.deleteQueue(name);
        await connection.close();
      },
    };
  },

  async consumer({ rabbitmq, postgres, name, settings }, work, handled) {
    const { batch, concurrency } = work;
    const { handle, end } = handling(
      postgres,
      { ...work, inbox: settings['inbox'] === true },
      handled,
    );
    const connection = await connect(rabbitmq);
    const channel = await connection.createChannel();
    await channel.assertQueue(name, QUORUM);
    await channel.prefetch(batch ? 2 * batch : concurrency);
    /** @param {ConsumeMessage} message */
    const orderOf = (message) => read(JSON.parse(message.content.toString()));
    /** @type {ConsumeMessage[]} */
    let waiting = [];
    /** @type {Promise<void>} */
    let line = Promise.resolve();
    /** @type {NodeJS.Timeout | undefined} */
    let timer;

    function flush() {
      clearTimeout(timer);
      timer = undefined;
      const [messages, last] = [waiting, waiting.at(-1)];
      waiting = [];
      line = line.then(async () => {
        await handle(messages.map(orderOf));
        if (last) channel.ack(last, true);
      });
    }
    /** @param {ConsumeMessage} message */
    async function one(message) {
      await handle([orderOf(message)]);
      channel.ack(message);
    }
    const { consumerTag } = await channel.consume(name, (message) => {
      if (!message) return;
      if (!batch) return void one(message);
      waiting.push(message);
      if (waiting.length >= batch) flush();
      else timer ??= setTimeout(flush, BATCH_MS);
    });
    return async () => {
      await channel.cancel(consumerTag);
      await line;
      await channel.close();
      await connection.close();
      await end();
    };
  },
};
