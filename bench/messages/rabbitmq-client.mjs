// rabbitmq-client: a quorum queue, confirms, an acknowledgement after the handling.
import { peer } from '../measure/peers.mjs';
import { handling } from './inbox.mjs';
import { read } from './order.mjs';

/** @import { Contestant } from './process.mjs' */

/** @param {string} queue */
const quorum = (queue) => ({ queue, durable: true, arguments: { 'x-queue-type': 'quorum' } });

/** @type {Contestant} */
export default {
  async producer({ rabbitmq, name }) {
    const { Connection } = (await peer('rabbitmq-client')).default;
    const connection = new Connection(rabbitmq);
    const publisher = connection.createPublisher({ confirm: true, queues: [quorum(name)] });
    return {
      send: (message) => publisher.send({ routingKey: name, durable: true }, read(message)),
      end: async () => {
        await publisher.close();
        await connection.queueDelete({ queue: name });
        await connection.close();
      },
    };
  },

  async consumer({ rabbitmq, postgres, name }, work, handled) {
    const { Connection } = (await peer('rabbitmq-client')).default;
    const { handle, end } = handling(postgres, { ...work, inbox: false }, handled);
    const connection = new Connection(rabbitmq);
    const { concurrency } = work;
    const options = {
      ...quorum(name),
      queueOptions: quorum(name),
      qos: { prefetchCount: concurrency },
      concurrency,
    };
    const consumer = connection.createConsumer(
      options,
      (/** @type {{ body: unknown }} */ { body }) => handle([read(body)]),
    );
    await new Promise((resolve) => consumer.once('ready', resolve));
    return async () => {
      await consumer.close();
      await connection.close();
      await end();
    };
  },
};
