// npm run parley: the operators' command line, which is libs/parley/cli. Finds the system that
// runs here. `scale` and `restart` change that system, as an orchestrator does elsewhere.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build, isCurrent } from './build/build.mjs';
import { CHANGES_HELP, changeRunning, isChange } from './dev/change-running.mjs';
import { placeHere } from './dev/place.mjs';
import { NOT_RUNNING } from './dev/run-file.mjs';
import { sendersOf } from './topology/topology.mjs';

/** @import { main as Main } from '../libs/parley/cli/src/index.js' */

const SOURCES = 'libs/parley/cli/src';

/** An image has no sources; there, and where nothing has changed, what was built is used. */
async function compiled() {
  const sources = fs.existsSync(SOURCES)
    ? fs.readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    : [];
  const files = sources
    .map((name) => path.join(SOURCES, name))
    .filter((file) => file.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(file));
  if (!files.every((file) => isCurrent(file))) await build();
}

const words = process.argv.slice(2);
if (isChange(words)) process.exit(await changeRunning(words));

await compiled();
/** @type {{ main: typeof Main }} */
const { main } = createRequire(import.meta.url)(path.resolve('dist', SOURCES, 'index.js'));
process.exitCode = await main(words, {
  program: 'npm run parley --',
  place: placeHere,
  notRunning: `${NOT_RUNNING} Or name its operations: --url, PARLEY_URL or CONSOLE_URL.`,
  sendersOf,
});
if (['--help', '-h', 'help', undefined].includes(words[0])) console.log(`\n${CHANGES_HELP}`);
