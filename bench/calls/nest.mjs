// A call by @nestjs/microservices, over gRPC or TCP; both sides validate by hand.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';
import { protoOf } from './grpc-js.mjs';
import { answerValidated, DEADLINE_MS, Reply, Request } from './quote.mjs';

/** @import { Contestant, Place } from './process.mjs' */

const PATTERN = 'quote-price';

/** @param {Place} place @returns {any} */
function optionsOf(place) {
  const { port, settings } = place;
  if (settings['transport'] === 'tcp')
    return { transport: Transport.TCP, options: { host: '127.0.0.1', port } };
  return {
    transport: Transport.GRPC,
    options: {
      package: 'catalog',
      protoPath: protoOf(place),
      protoLoader: createRequire(import.meta.url).resolve('@grpc/proto-loader'),
      loader: { keepCase: true },
      url: `127.0.0.1:${port}`,
    },
  };
}

/** Without the syntax of decorators, which plain JavaScript does not have. */
class Catalog {
  /** @param {unknown} request */
  quote(request) {
    return answerValidated(request);
  }
}
Controller()(Catalog);

/** @type {Contestant} */
export default {
  async serve(place) {
    const method = Object.getOwnPropertyDescriptor(Catalog.prototype, 'quote') ?? {};
    const bind =
      place.settings['transport'] === 'tcp'
        ? MessagePattern(PATTERN)
        : GrpcMethod('Catalog', 'QuotePrice');
    bind(Catalog.prototype, 'quote', method);
    Payload()(Catalog.prototype, 'quote', 0);
    class App {}
    Module({ controllers: [Catalog] })(App);
    const app = await NestFactory.createMicroservice(App, { ...optionsOf(place), logger: false });
    await app.listen();
  },

  async caller(place) {
    const client = /** @type {any} */ (ClientProxyFactory.create(optionsOf(place)));
    const catalog = client.getService?.('Catalog');
    if (!catalog) await client.connect();
    return async (request) => {
      const asked = Request.parse(request);
      const replies = catalog ? catalog.QuotePrice(asked) : client.send(PATTERN, asked);
      return Reply.parse(await firstValueFrom(replies.pipe(timeout(DEADLINE_MS))));
    };
  },
};
