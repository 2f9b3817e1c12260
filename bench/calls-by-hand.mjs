// The smallest honest code for the call of the bench, as a process like calls-process.mjs: fastify
// answers, undici asks; both sides validate, and the deadline and the trace travel with it.
import fastify from 'fastify';
import { Pool } from 'undici';
import { z } from 'zod';

const [, , port, role] = process.argv.slice(2);
const PATH = '/catalog.Catalog/QuotePrice';
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const DEADLINE_MS = 10_000;

const Line = z.object({ sku: z.string(), quantity: z.number().int(), note: z.string() });
const Request = z.object({ orderId: z.string(), lines: z.array(Line) });
const Reply = z.object({ orderId: z.string(), total: z.number() });
/** About 500 bytes. */
const request = {
  orderId: '0b9f1f3a-7b1e-4a35-9d9a-7a5d2f6c1b11',
  lines: Array.from({ length: 5 }, (_, n) => ({
    sku: `P-${1000 + n}`,
    quantity: n + 1,
    note: 'as agreed on the telephone, please',
  })),
};

async function serve() {
  const app = fastify();
  app.post(PATH, async (asked, reply) => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), Number(asked.headers['x-timeout-ms']));
    try {
      const { orderId, lines } = Request.parse(asked.body);
      reply.header('traceparent', asked.headers['traceparent']);
      return Reply.parse({
        orderId,
        total: lines.reduce((sum, { quantity }) => sum + quantity, 0),
      });
    } finally {
      clearTimeout(timer);
    }
  });
  await app.listen({ host: '127.0.0.1', port: Number(port) });
}

const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 256 });

async function call() {
  const { body } = await pool.request({
    path: PATH,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-timeout-ms': String(DEADLINE_MS),
      traceparent: TRACE,
    },
    body: JSON.stringify(Request.parse(request)),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  return Reply.parse(await body.json());
}

if (role === 'serve') await serve();

let before = process.cpuUsage();
const used = () => {
  const { user, system } = process.cpuUsage(before);
  before = process.cpuUsage();
  return user + system;
};

process.on('message', async (order) => {
  if (order === 'cpu') return process.send({ cpu: used() });
  const took = [];
  let left = order.calls;
  const caller = async () => {
    while (left-- > 0) {
      const started = performance.now();
      await call();
      took.push(performance.now() - started);
    }
  };
  used();
  const started = performance.now();
  await Promise.all(Array.from({ length: order.concurrency }, caller));
  const seconds = (performance.now() - started) / 1000;
  took.sort((a, b) => a - b);
  process.send({ cpu: used(), seconds, p50: took[took.length >> 1] });
});
process.on('disconnect', () => process.exit());
process.send('ready');
