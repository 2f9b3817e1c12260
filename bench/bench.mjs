// npm run bench -- poison|calls [options]: what is measured side by side.
import path from 'node:path';
import { build } from '../tools/build/build.mjs';
import { commandLine, wholeNumber } from '../tools/terminal/command-line.mjs';
import { useTestPostgres } from '../tools/database/test-postgres.mjs';
import { calls } from './calls.mjs';
import { poison } from './poison.mjs';

process.chdir(path.dirname(import.meta.dirname));
const OUT = '.data/bench/dist'; // of its own: a run must not change because somebody builds
const BENCHES = { calls: { run: calls }, poison: { run: poison, onPostgres: true } };
const NUMBERS = ['events', 'keys', 'rate', 'pairs', 'calls', 'rounds', 'concurrency'];

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
  options: Object.fromEntries(
    [...NUMBERS, 'technologies', 'resilience', 'with'].map((name) => [name, { type: 'string' }]),
  ),
});
const bench = BENCHES[positionals[0]];
if (!bench) {
  console.error(
    `${positionals[0] ? `There is no bench "${positionals[0]}".` : 'Which bench?'}\n\n${HELP}`,
  );
  process.exit(2);
}
const options = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [
    name,
    NUMBERS.includes(name) ? wholeNumber(name, value, 1) : value,
  ]),
);
await build(OUT, { withFixtures: true });
const postgres = bench.onPostgres ? await useTestPostgres() : undefined;
if (postgres) process.env.PARLEY_TEST_POSTGRES = postgres.url;
try {
  process.exitCode = (await bench.run(OUT, options)) ? 0 : 1;
} finally {
  await postgres?.release();
}
process.exit();
