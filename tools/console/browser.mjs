// A browser, and the console as it is shipped, in front of a shop that pretends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { Mistake } from '../terminal/errors.mjs';

/** @import { AddressInfo } from 'node:net' */

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const READY_WITHIN_MS = 60_000;
/** As npm start runs it. */
const NODE_FLAGS = ['--max-semi-space-size=4', '--heap-growing-percent=30', '--v8-pool-size=1'];

/** @returns {string} @throws {Mistake} */
export function chromiumHere() {
  const { CHROMIUM } = process.env;
  const found = CHROMIUM ?? PLACES.find((place) => fs.existsSync(place));
  if (found !== undefined && fs.existsSync(found)) return found;
  throw new Mistake(
    'This check needs Chromium, and there is none: apt-get install chromium, or name its program by CHROMIUM.',
  );
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts the compiled console.
 * @param {Record<string, string[]>} addresses
 * @param {string} token
 * @param {Record<string, string>} [variables] further ones
 */
export async function startConsole(addresses, token, variables = {}) {
  const port = await freePort();
  const child = spawn(process.execPath, [...NODE_FLAGS, 'dist/apps/console/src/main.js'], {
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      OPERATIONS_TOKEN: token,
      OPERATIONS_URLS: JSON.stringify(addresses),
      LOG_LEVEL: 'warn',
      ...variables,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  for (const until = performance.now() + READY_WITHIN_MS; ; await sleep(100)) {
    if (
      await fetch(`${url}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    if (child.exitCode !== null || performance.now() > until)
      throw new Mistake(`The console did not start within ${READY_WITHIN_MS / 1_000} s.`);
  }
  return {
    url,
    pid: child.pid,
    async stop() {
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Headless; as root Chromium has no sandbox of its own. */
export const startBrowser = () =>
  chromium.launch({
    executablePath: chromiumHere(),
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
