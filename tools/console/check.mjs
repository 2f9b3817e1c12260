// npm run console:check: the operators' page in Chromium: login, dead letters by keyboard alone,
// axe on every screen, 320 px. The console is the compiled one; the shop behind it pretends.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from '../build/build.mjs';
import { buildPage } from '../build/page.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { chromiumHere } from './browser.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run console:check [-- options]      tries the operators' page in Chromium (apt-get install chromium, or CHROMIUM=program)

  --pictures FOLDER   keeps a picture of every screen there
  --help`;

/** @param {string} output of TAP @param {string} what */
const count = (output, what) => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(output)?.[1] ?? 0);

async function check() {
  const { values } = commandLine(HELP, { options: { pictures: { type: 'string' } } });
  chromiumHere();
  await build();
  await buildPage();
  const { pictures } = values;
  const child = spawn(
    process.execPath,
    ['--test', '--test-reporter=tap', 'tools/console/page-in-browser.mjs'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...(pictures !== undefined && { PARLEY_PICTURES: path.resolve(pictures) }),
      },
    },
  );
  const output = await text(child.stdout);
  const [passed, failed] = [
    count(output, 'pass'),
    count(output, 'fail') + count(output, 'cancelled'),
  ];
  if (failed > 0 || passed === 0) console.log(output);
  console.log(`${passed} passed, ${failed || (passed === 0 ? 1 : 0)} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

await check().catch((/** @type {unknown} */ error) => {
  console.error(error instanceof Mistake ? messageOf(error) : error);
  process.exitCode = 1;
});
