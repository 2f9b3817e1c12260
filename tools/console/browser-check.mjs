// What the checks of pages have in common: options, Chromium, the result.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { chromiumHere } from './browser.mjs';

/** @param {string} output of TAP @param {string} what */
const count = (output, what) => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(output)?.[1] ?? 0);

/**
 * Runs a file of tests in Chromium, and says how many passed.
 * @param {string} what for the help: `npm run console:check [-- options]      tries …`
 * @param {string} file
 * @param {() => Promise<void>} build what the file needs
 */
async function check(what, file, build) {
  const help = `${what} in Chromium (apt-get install chromium, or CHROMIUM=program)

  --pictures FOLDER   keeps a picture of every screen there
  --help`;
  const {
    values: { pictures },
  } = commandLine(help, { options: { pictures: { type: 'string' } } });
  chromiumHere();
  await build();
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...(pictures !== undefined && { PARLEY_PICTURES: path.resolve(pictures) }),
    },
  });
  const output = await text(child.stdout);
  const [passed, failed] = [
    count(output, 'pass'),
    count(output, 'fail') + count(output, 'cancelled'),
  ];
  if (failed > 0 || passed === 0) console.log(output);
  console.log(`${passed} passed, ${failed || (passed === 0 ? 1 : 0)} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

/**
 * As `check`, and says a failure in a sentence.
 * @param {Parameters<typeof check>} all
 */
export const checkInBrowser = (...all) =>
  check(...all).catch((/** @type {unknown} */ error) => {
    console.error(error instanceof Mistake ? messageOf(error) : error);
    process.exitCode = 1;
  });
