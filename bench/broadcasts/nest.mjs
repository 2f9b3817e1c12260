// Broadcasts by @nestjs/microservices over Redis, with its own client and server; both sides
// validate by hand.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, EventPattern, Payload, Transport } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { controllerWith } from '../measure/kit-application.mjs';
import { read } from '../messages/order.mjs';

/** @import { Contestant, Place } from './process.mjs' */

/** @param {Place} place @returns {any} */
function optionsOf({ redis }) {
  const { hostname, port } = new URL(redis);
  return { transport: Transport.REDIS, options: { host: hostname, port: Number(port) } };
}

/** @type {Contestant} */
export default {
  async sender(place) {
    const client = /** @type {any} */ (ClientProxyFactory.create(optionsOf(place)));
    await client.connect();
    return {
      say: (message) =>
        lastValueFrom(client.emit(place.name, read(message)), { defaultValue: undefined }),
      end: () => client.close(),
    };
  },

  async hearer(place, heard) {
    const controller = controllerWith({
      hear: { bind: EventPattern(place.name), run: (body) => heard(read(body)) },
    });
    Payload()(controller.prototype, 'hear', 0);
    class App {}
    Module({ controllers: [controller] })(App);
    const options = { ...optionsOf(place), logger: ['error'] };
    const app = await NestFactory.createMicroservice(App, options);
    await app.listen();
    return () => app.close();
  },
};
