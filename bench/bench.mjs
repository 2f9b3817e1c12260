// npm run bench -- poison [--events 10000 --keys 100 --rate 250 --pairs 5]: what is measured side
// by side, on a PostgreSQL of its own.
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from '../tools/build/build.mjs';
import { commandLine, wholeNumber } from '../tools/terminal/command-line.mjs';
import { useTestPostgres } from '../tools/database/test-postgres.mjs';
import { poison } from './poison.mjs';

process.chdir(path.dirname(import.meta.dirname));
const OUT = '.data/bench/dist'; // of its own: a run must not change because somebody builds
const BENCHES = { poison };

const HELP = `npm run bench -- <name> [options]      measures side by side, on a PostgreSQL of its own

  poison       events of which one fails for ever: what the other lanes notice
    --events N   in each run (10000)
    --keys N     lanes (100)
    --rate N     events a second (250)
    --pairs N    runs without and with the poison (5)
  --help`;

const { values, positionals } = commandLine(HELP, {
  allowPositionals: true,
  options: Object.fromEntries(
    ['events', 'keys', 'rate', 'pairs'].map((name) => [name, { type: 'string' }]),
  ),
});
const bench = BENCHES[positionals[0]];
if (!bench) {
  console.error(
    `${positionals[0] ? `There is no bench "${positionals[0]}".` : 'Which bench?'}\n\n${HELP}`,
  );
  process.exit(2);
}
await build(OUT, { withFixtures: true });
const postgres = await useTestPostgres();
process.env.PARLEY_TEST_POSTGRES = postgres.url;
try {
  const options = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, wholeNumber(name, value, 1)]),
  );
  process.exitCode = (await bench(createRequire(path.resolve(OUT, 'bench.js')), options)) ? 0 : 1;
} finally {
  await postgres.release();
}
process.exit();
