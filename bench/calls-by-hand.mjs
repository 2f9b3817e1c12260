// The smallest honest code for the call of the bench, as a process like calls-process.mjs: fastify
// answers, undici asks; both sides validate, and the deadline and the trace travel with it.
import fastify from 'fastify';
import { Pool } from 'undici';
import { answer, DEADLINE_MS, measured, Reply, Request, request } from './calls-load.mjs';

const [, , port, role] = process.argv.slice(2);
const PATH = '/catalog.Catalog/QuotePrice';
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

async function serve() {
  const app = fastify();
  app.post(PATH, async (asked, reply) => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), Number(asked.headers['x-timeout-ms']));
    try {
      const quote = Request.parse(asked.body);
      reply.header('traceparent', asked.headers['traceparent']);
      return Reply.parse(answer(quote));
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
measured(call);
