// npm run clients: starts the shop with its calls by gRPC, then by HTTP, and has clients of other
// makes call it. Ends with `N passed, N failed`.
import path from 'node:path';
import { withShop } from '../shop/own-shop.mjs';
import { Checks } from '../terminal/checks.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { byCurl as byCurlAtTheEdge, byEventSource, byGraphql } from './at-the-edge.mjs';
import { byBrowser, startPages } from './by-browser.mjs';
import { byGrpcurl, byPython } from './by-grpc.mjs';
import { byConnect, byCurl } from './by-http.mjs';
import { install } from './needs.mjs';

/** @import { Run } from '../dev/run-file.mjs' */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run clients      starts the shop and calls it as others would: curl, grpcurl, a client in Python by protoc, a Connect client,
                     graphql-request, graphql-ws, an EventSource, and pages in Chromium, one of an origin that may and one that may not

  --help

Needs curl, Go, Python 3 with pip, and Chromium (apt-get install chromium, or CHROMIUM=program). What they need is installed once, into .data
and tools/clients. Environment: PARLEY_PORT, PARLEY_POSTGRES_PORT, as for npm start. Exit code 1: a client failed, or cannot be tried.`;

commandLine(HELP, {});
const checks = new Checks();

/** @param {Record<string, () => Promise<string | void>>} tried */
async function all(tried) {
  for (const [what, work] of Object.entries(tried)) await checks.check(what, work);
}

/** @param {Run} run */
const callsOfOrders = ({ instances }) => `127.0.0.1:${instances['orders-1']?.callsPort}`;

/** @type {Awaited<ReturnType<typeof startPages>> | undefined} */
let pages;
try {
  install();
  pages = await startPages();
  const { listed } = pages;
  await withShop({ LOG_LEVEL: 'warn' }, async (run) => {
    console.log('── the shop, its calls by gRPC');
    await all({ ...byGrpcurl(callsOfOrders(run)), ...byPython(callsOfOrders(run)) });
  });
  await withShop(
    { LOG_LEVEL: 'warn', CORS_ORIGINS: listed },
    async (run) => {
      console.log('── the shop, its calls by HTTP');
      const [edge, orders] = [run.gatewayUrl ?? '', `http://${callsOfOrders(run)}`];
      await all({
        ...byCurl(orders),
        ...byConnect(orders),
        ...byCurlAtTheEdge(edge),
        ...byEventSource(edge),
        ...byGraphql(edge),
        ...byBrowser(edge, pages ?? { listed, unlisted: '' }),
      });
    },
    ['http'],
  );
} catch (error) {
  checks.failed++;
  console.error(error instanceof Mistake ? messageOf(error) : error);
} finally {
  pages?.close();
}
checks.end();
