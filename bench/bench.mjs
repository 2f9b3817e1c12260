// npm run bench -- poison [--events 10000 --keys 100 --rate 250 --pairs 5]: what is measured side by side, on a PostgreSQL of its own.
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from '../tools/build.mjs';
import { useTestPostgres } from '../tools/test-postgres.mjs';
import { poison } from './poison.mjs';

process.chdir(path.dirname(import.meta.dirname));
const OUT = '.data/bench/dist'; // of its own: a run must not change because somebody builds
const BENCHES = { poison };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(['events', 'keys', 'rate', 'pairs'].map((name) => [name, { type: 'string' }])),
});
const bench = BENCHES[positionals[0]];
if (!bench) {
  console.error(`npm run bench -- ${Object.keys(BENCHES).join(' | ')}`);
  process.exit(1);
}
await build(OUT);
const postgres = await useTestPostgres();
process.env.PARLEY_TEST_POSTGRES = postgres.url;
try {
  const options = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
  process.exitCode = (await bench(createRequire(path.resolve(OUT, 'bench.js')), options)) ? 0 : 1;
} finally {
  await postgres.release();
}
process.exit();
