// The smallest honest code for a call: fastify answers, undici asks; both sides validate, and the
// deadline and the trace travel with it.
import fastify from 'fastify';
import { Pool } from 'undici';
import { answerValidated, DEADLINE_MS, Reply, Request, TRACE } from './quote.mjs';

/** @import { Contestant } from './process.mjs' */

const PATH = '/catalog.Catalog/QuotePrice';

/** @type {Contestant} */
export default {
  async serve({ port }) {
    const app = fastify();
    app.post(PATH, async (asked, reply) => {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), Number(asked.headers['x-timeout-ms']));
      try {
        reply.header('traceparent', asked.headers['traceparent']);
        return answerValidated(asked.body);
      } finally {
        clearTimeout(timer);
      }
    });
    await app.listen({ host: '127.0.0.1', port });
  },

  async caller({ port }) {
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 256 });
    return async (request) => {
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
    };
  },
};
