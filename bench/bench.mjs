// npm run bench -- poison|calls [options]: what is measured side by side.
import path from 'node:path';
import { build } from '../tools/build/build.mjs';
import { commandLine, wholeNumber } from '../tools/terminal/command-line.mjs';
import { useTestPostgres } from '../tools/database/test-postgres.mjs';
import { calls } from './calls.mjs';
import { poison } from './poison.mjs';

process.chdir(path.dirname(import.meta.dirname));
const OUT = '.data/bench/dist'; // of its own: a run must not change because somebody builds

/** @typedef {'events' | 'keys' | 'rate' | 'pairs' | 'calls' | 'rounds' | 'concurrency'} NumberName */
/** @typedef {'technologies' | 'resilience' | 'with'} TextName */
/** @typedef {{ [name in NumberName]?: number } & { [name in TextName]?: string }} Options */

/**
 * @typedef {object} Bench
 * @property {(dist: string, options: Options) => Promise<boolean>} run resolves with whether it holds
 * @property {boolean} [onPostgres] whether it needs a PostgreSQL
 */

/** @type {Readonly<Record<string, Bench>>} */
const BENCHES = { calls: { run: calls }, poison: { run: poison, onPostgres: true } };

const HELP = `npm run bench -- <name> [options]      measures side by side

  calls        the CPU of a call by each technology
    --calls N          in each run (10000)
    --rounds N         runs of each technology, in turn (5)
    --concurrency N    calls at once (64)
    --technologies A,B (by-hand,http,tcp,grpc); by-hand: fastify and undici; grpc-json: gRPC with JSON instead of protobuf
    --resilience A,B   the policies of calls: on, off (on)
    --with FOLDER      a build of another state of the sources, measured beside this one
  poison       events of which one fails for ever: what the other lanes notice
    --events N   in each run (10000)
    --keys N     lanes (100)
    --rate N     events a second (250)
    --pairs N    runs without and with the poison (5)
  --help`;

const { values, positionals } = commandLine(HELP, {
  allowPositionals: true,
  options: {
    events: { type: 'string' },
    keys: { type: 'string' },
    rate: { type: 'string' },
    pairs: { type: 'string' },
    calls: { type: 'string' },
    rounds: { type: 'string' },
    concurrency: { type: 'string' },
    technologies: { type: 'string' },
    resilience: { type: 'string' },
    with: { type: 'string' },
  },
});
const bench = BENCHES[positionals[0] ?? ''];
if (!bench) {
  console.error(
    `${positionals[0] ? `There is no bench "${positionals[0]}".` : 'Which bench?'}\n\n${HELP}`,
  );
  process.exit(2);
}
/** @param {NumberName} name */
const number = (name) => {
  const text = values[name];
  return text === undefined ? undefined : wholeNumber(name, text, 1);
};
const options = {
  ...values,
  events: number('events'),
  keys: number('keys'),
  rate: number('rate'),
  pairs: number('pairs'),
  calls: number('calls'),
  rounds: number('rounds'),
  concurrency: number('concurrency'),
};
await build(OUT, { withFixtures: true });
const postgres = bench.onPostgres ? await useTestPostgres() : undefined;
if (postgres) process.env.PARLEY_TEST_POSTGRES = postgres.url;
try {
  process.exitCode = (await bench.run(OUT, options)) ? 0 : 1;
} finally {
  await postgres?.release();
}
process.exit();
