// One process of the bench of calls:
// `node calls-process.mjs <dist> <technology>[-json] <port>[,<port>…] [serve]`. Answers calls at the
// first port, or waits for {calls, concurrency} from its parent, makes so many, and reports the CPU
// that they took.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { z } from 'zod';

const [dist, given, ports, role] = process.argv.slice(2);
const [technology, form] = given.split('-');
const require = createRequire(path.resolve(dist, 'libs/parley/x.js'));
const { call, fieldNumbers } = require('./contract/src/index.js');
const { Handles, Messaging, MessagingModule, Messenger } = require('./messaging/src/index.js');
const { [technology]: wire } = require(`./transports/${technology}/src/index.js`);

const Line = z.object({ sku: z.string(), quantity: z.number().int(), note: z.string() });
const Quote = call('catalog.quote-price', {
  request: z.object({ orderId: z.string(), lines: z.array(Line) }),
  reply: z.object({ orderId: z.string(), total: z.number() }),
  deadline: '10s',
  idempotent: true,
  resilience: process.env.CALLS_EXTRAS === 'on' ? { hedge: true, stale: '1m' } : {},
});
// By gRPC in protobuf; grpc-json has the JSON of contracts without numbers.
if (form !== 'json')
  fieldNumbers?.('catalog', {
    QuotePriceRequest: { orderId: 1, lines: 2 },
    'QuotePriceRequest.Lines': { sku: 1, quantity: 2, note: 3 },
    QuotePriceReply: { orderId: 1, total: 2 },
  });
/** About 500 bytes. */
const request = {
  orderId: '0b9f1f3a-7b1e-4a35-9d9a-7a5d2f6c1b11',
  lines: Array.from({ length: 5 }, (_, n) => ({
    sku: `P-${1000 + n}`,
    quantity: n + 1,
    note: 'as agreed on the telephone, please',
  })),
};

class PricesController {
  async quote({ orderId, lines }) {
    return { orderId, total: lines.reduce((sum, { quantity }) => sum + quantity, 0) };
  }
}
Controller()(PricesController);
Handles(Quote)(
  PricesController.prototype,
  'quote',
  Object.getOwnPropertyDescriptor(PricesController.prototype, 'quote'),
);
class App {}
Module({})(App);

const [port] = ports.split(',').map(Number);
const url = `${wire.schemes[0]}://${ports
  .split(',')
  .map((one) => `127.0.0.1:${one}`)
  .join(',')}`;
const messaging = MessagingModule.forRoot({
  service: role === 'serve' ? 'catalog' : 'orders',
  instance: `bench-${process.pid}`,
  build: 'bench',
  urls: { calls: () => url },
  ...(role === 'serve' ? { listen: { host: '127.0.0.1', port } } : {}),
  technologies: [wire],
  callResilience: process.env.CALLS_RESILIENCE !== 'off',
  log: () => undefined,
});
const app = await NestFactory.create(
  {
    module: App,
    imports: [messaging],
    controllers: role === 'serve' ? [PricesController] : [],
  },
  new FastifyAdapter(),
  { logger: false, abortOnError: false },
);
app.get(Messaging).attach(app);
await app.get(Messaging).start();
await app.init();
await app.startAllMicroservices();

let before = process.cpuUsage();
process.on('message', async (order) => {
  if (order === 'cpu') {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    return process.send({ cpu: user + system });
  }
  const messenger = app.get(Messenger);
  const took = [];
  let left = order.calls;
  const caller = async () => {
    while (left-- > 0) {
      const started = performance.now();
      await messenger.call(Quote, request);
      took.push(performance.now() - started);
    }
  };
  before = process.cpuUsage();
  const started = performance.now();
  await Promise.all(Array.from({ length: order.concurrency }, caller));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  took.sort((a, b) => a - b);
  process.send({ cpu: user + system, seconds, p50: took[took.length >> 1] });
});
process.on('disconnect', () => process.exit());
process.send('ready');
