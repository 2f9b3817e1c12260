// @platformatic/kafka with acks=all; positions are committed after the handling.
import { peer } from '../measure/peers.mjs';
import { handling } from './inbox.mjs';
import { brokerOf, makeTopic } from './kafkajs.mjs';
import { read, written } from './order.mjs';

/** @import { Contestant, Place } from './process.mjs' */

/** @param {any} kit @param {Place} place */
const connectionOf = ({ stringSerializers, stringDeserializers }, { kafka, name }) => ({
  clientId: name,
  bootstrapBrokers: [brokerOf(kafka)],
  serializers: stringSerializers,
  deserializers: stringDeserializers,
});

/** @type {Contestant} */
export default {
  install: ({ kafka, name }) => makeTopic(kafka, name),

  async producer(place) {
    const kit = await peer('@platformatic/kafka');
    const producer = new kit.Producer({ ...connectionOf(kit, place), acks: kit.ProduceAcks.ALL });
    /** @param {import('./order.mjs').Order[]} messages */
    const send = (messages) =>
      producer.send({
        messages: messages.map((message) => ({
          topic: place.name,
          key: message.customer,
          value: written(message),
        })),
      });
    return { send: (message) => send([message]), sendTogether: send, end: () => producer.close() };
  },

  async consumer(place, work, handled) {
    const kit = await peer('@platformatic/kafka');
    const { handle, end } = handling(place.postgres, { ...work, inbox: false }, handled);
    const consumer = new kit.Consumer({ ...connectionOf(kit, place), groupId: place.name });
    const stream = await consumer.consume({
      topics: [place.name],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 100,
      maxWaitTime: 500,
    });
    const reading = (async () => {
      for await (const message of stream) await handle([read(JSON.parse(message.value))]);
    })();
    return async () => {
      await stream.close();
      await reading;
      await consumer.close();
      await end();
    };
  },
};
