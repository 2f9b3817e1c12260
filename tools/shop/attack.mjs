// npm run attack: starts the shop with log-ins and with the limits of a client, attacks it as
// strangers would, and stops it. Ends with `N passed, N failed`.
import path from 'node:path';
import { Checks } from '../terminal/checks.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { Edge } from './attack/edge.mjs';
import { calm, flood, idleStreams, slowLoris } from './attack/floods.mjs';
import { Issuer } from './attack/issuer.mjs';
import { badTokens, fieldsOfGraphql, operations, routesWithAnId } from './attack/strangers.mjs';
import { withShop } from './own-shop.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run attack      starts the shop with log-ins and limits, and attacks it: other customers' orders by each route with an id of
                    /openapi.json and the GraphQL schema, bad tokens, operations without a role, 1,000 requests a second of one
                    client, 1,000 slow connections, 1,000 idle streams (about 2 minutes)

  --help

Run it on a machine that has time for it: where others are not served while nobody attacks, it says nothing.

Environment: PARLEY_PORT, PARLEY_POSTGRES_PORT, as for npm start. Exit code 1: an attack had success.`;

/** The gateway's defaults; npm start lifts them. */
const LIMITS = {
  RATE_LIMIT_READS: '200/10s',
  RATE_LIMIT_WRITES: '20/10s',
  STREAMS_PER_CLIENT: '20',
  STREAMS_AT_MOST: '2000',
};

commandLine(HELP, {});
const checks = new Checks();
const issuer = await Issuer.start();
try {
  await withShop({ ...issuer.environment, ...LIMITS, LOG_LEVEL: 'warn' }, async (run) => {
    const edge = new Edge(run.gatewayUrl ?? '');
    const check = checks.check.bind(checks);
    await check("another's order is 403 or 404 by every route with an id", () =>
      routesWithAnId(edge, issuer),
    );
    await check("another's order is not found by every field of GraphQL with an id", () =>
      fieldsOfGraphql(edge, issuer),
    );
    await check('a token that is not good is 401', () => badTokens(edge, issuer));
    await check('operations without a role are 401 or 403', () => operations(run, edge, issuer));
    await check('others are served while nobody attacks', () => calm(edge, issuer));
    await check('1,000 requests a second of one client are 429, and others are served', () =>
      flood(edge, issuer),
    );
    await check('others are served beside 1,000 slow connections, which are closed', () =>
      slowLoris(edge, issuer),
    );
    await check('others are served beside 1,000 idle streams', () =>
      idleStreams(edge, issuer, run),
    );
    edge.close();
  });
} catch (error) {
  checks.failed++;
  console.error(error instanceof Mistake ? messageOf(error) : error);
} finally {
  await issuer.close();
}
checks.end();
