// @nestjs/microservices on RabbitMQ or Kafka, with its own client and server.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, Ctx, EventPattern, Payload, Transport } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { controllerWith } from '../measure/kit-application.mjs';
import { handling } from './inbox.mjs';
import { brokerOf, makeTopic } from './kafkajs.mjs';
import { read } from './order.mjs';

/** @import { Contestant, Place, Work } from './process.mjs' */

/** @param {Place} place @param {number} [prefetchCount] of a consumer @returns {any} */
function optionsOf({ name, rabbitmq, kafka, settings }, prefetchCount) {
  const isProducer = prefetchCount === undefined;
  if (settings['technology'] === 'kafka')
    return {
      transport: Transport.KAFKA,
      options: {
        client: { clientId: name, brokers: [brokerOf(kafka)], logLevel: 1 },
        consumer: { groupId: name, maxWaitTimeInMs: 500 },
        subscribe: { fromBeginning: true },
        run: { partitionsConsumedConcurrently: 3 },
        producer: { allowAutoTopicCreation: false },
        producerOnlyMode: isProducer,
      },
    };
  return {
    transport: Transport.RMQ,
    options: {
      urls: [rabbitmq],
      queue: name,
      queueOptions: { durable: true, arguments: { 'x-queue-type': 'quorum' } },
      noAck: isProducer, // what it consumes are replies
      persistent: true,
      prefetchCount: prefetchCount ?? 0,
    },
  };
}

/** @type {Contestant} */
export default {
  async install({ kafka, name, settings }) {
    if (settings['technology'] === 'kafka') await makeTopic(kafka, name);
  },

  async producer(place) {
    const client = /** @type {any} */ (ClientProxyFactory.create(optionsOf(place)));
    await client.connect();
    return {
      send: (message) => {
        const order = read(message);
        const sent =
          place.settings['technology'] === 'kafka'
            ? { key: order.customer, value: JSON.stringify(order) }
            : order;
        return lastValueFrom(client.emit(place.name, sent), { defaultValue: undefined });
      },
      end: () => client.close(),
    };
  },

  async consumer(place, work, handled) {
    const { handle, end } = handling(place.postgres, { ...work, inbox: false }, handled);
    const controller = controllerWith({
      pack: {
        bind: EventPattern(place.name),
        async run(body, context) {
          await handle([read(body)]);
          const channel = context.getChannelRef?.();
          channel?.ack(context.getMessage());
        },
      },
    });
    Payload()(controller.prototype, 'pack', 0);
    Ctx()(controller.prototype, 'pack', 1);
    class App {}
    Module({ controllers: [controller] })(App);
    const options = optionsOf(place, work.concurrency);
    const app = await NestFactory.createMicroservice(App, { ...options, logger: ['error'] });
    await app.listen();
    return async () => {
      await app.close();
      await end();
    };
  },
};
