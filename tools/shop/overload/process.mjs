// One process of the overload run: `node process.mjs <dist> <port of catalog> <port of inventory>
// <role>`. `catalog` and `inventory` answer calls; `caller` makes as many a second as its parent
// says, and reports each second.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { z } from 'zod';

const [dist, catalogPort, inventoryPort, role] = process.argv.slice(2);
const require = createRequire(path.resolve(dist, 'libs/parley/overload.js'));
const { call } = require('./contract/src/index.js');
const { Handles, Messaging, MessagingModule, Messenger } = require('./messaging/src/index.js');
const { grpc } = require('./transports/grpc/src/index.js');

const PORTS = { catalog: Number(catalogPort), inventory: Number(inventoryPort) };
const DEADLINE_MS = 1_000;
const shape = { request: z.object({ n: z.int() }), reply: z.object({ n: z.int() }) };
const QuotePrice = call('catalog.quote-price', {
  ...shape,
  deadline: DEADLINE_MS,
  idempotent: true,
});
const ListStock = call('inventory.list-stock', {
  ...shape,
  deadline: DEADLINE_MS,
  idempotent: true,
});

/** What catalog can do: so many quotes at the same time, each for so long; the others wait. */
const WORKERS = 2;
const WORK_MS = 20;
let busy = 0;
const queue = [];

async function quote({ n }, { signal }) {
  if (busy >= WORKERS) await new Promise((resolve) => queue.push(resolve));
  busy += 1;
  // Nobody waits for the reply any more: no work for it.
  if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, WORK_MS));
  busy -= 1;
  queue.shift()?.();
  return { n };
}

class Answers {
  quote(request, context) {
    return quote(request, context);
  }
  async list({ n }) {
    return { n };
  }
}
Controller()(Answers);
const method = { catalog: [QuotePrice, 'quote'], inventory: [ListStock, 'list'] }[role];
if (method)
  Handles(method[0])(
    Answers.prototype,
    method[1],
    Object.getOwnPropertyDescriptor(Answers.prototype, method[1]),
  );
class App {}
Module({})(App);

const messaging = MessagingModule.forRoot({
  service: role,
  instance: `${role}-1`,
  build: 'overload',
  urls: { calls: (owner) => `grpc://127.0.0.1:${PORTS[owner] ?? PORTS.catalog}` },
  ...(method ? { listen: { host: '127.0.0.1', port: PORTS[role] } } : {}),
  technologies: [grpc],
  callResilience: process.env.CALLS_RESILIENCE !== 'off',
  log: () => undefined,
});
const app = await NestFactory.create(
  { module: App, imports: [messaging], controllers: method ? [Answers] : [] },
  new FastifyAdapter(),
  { logger: false, abortOnError: false },
);
app.get(Messaging).attach(app);
await app.get(Messaging).start();
await app.init();
await app.startAllMicroservices();

/** Calls at an even pace, however slowly they are answered. */
function load({ contract, perSecond, seconds }) {
  const messenger = app.get(Messenger);
  const results = [];
  const began = performance.now();
  let made = 0;
  const make = async () => {
    const started = performance.now();
    const outcome = await messenger.call(contract, { n: made }).then(
      () => 'ok',
      (error) => error.reason ?? error.name,
    );
    const ended = performance.now();
    results.push({ at: ended - began, took: ended - started, outcome });
  };
  return new Promise((resolve) => {
    const under = [];
    const timer = setInterval(() => {
      const due = Math.min(
        perSecond * seconds,
        Math.floor(((performance.now() - began) / 1000) * perSecond),
      );
      while (made < due) {
        made += 1;
        under.push(make());
      }
      if (made < perSecond * seconds) return;
      clearInterval(timer);
      void Promise.all(under).then(() => resolve(results));
    }, 10);
  });
}

/** Each half second: the circuit of the quotes, and the memory. */
async function watched(work) {
  const began = performance.now();
  const states = [];
  const look = () => {
    const { targets } = app.get(Messaging).introspection.callState();
    states.push({
      at: performance.now() - began,
      circuit: targets.find(({ contract }) => contract === QuotePrice.name)?.circuit ?? 'closed',
      rss: process.memoryUsage.rss(),
    });
  };
  const timer = setInterval(look, 500);
  const results = await work;
  clearInterval(timer);
  return { results, states };
}

process.on('message', async (order) => {
  if (order.what !== 'load') return;
  const quotes = load({ ...order, contract: QuotePrice });
  const others = order.others ? load({ ...order, contract: ListStock }) : [];
  const { results, states } = await watched(quotes);
  process.send({ quotes: results, others: await others, states });
});
process.on('disconnect', () => process.exit());
process.send('ready');
