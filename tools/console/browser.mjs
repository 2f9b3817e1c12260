// A browser for the checks of pages, and the console as it is shipped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { Mistake } from '../terminal/errors.mjs';

/** @import { AddressInfo } from 'node:net' */
/** @import { AxeResults } from 'axe-core' */
/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const READY_WITHIN_MS = 60_000;
const PATIENCE_MS = 60_000;
const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RUN_AXE = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`;
const PICTURES = process.env.PARLEY_PICTURES;

/** The label or text of what has the focus; run in the page. */
export const FOCUSED =
  "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''";
const WIDE = { width: 1280, height: 900 };
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

/**
 * A tab of its own, with what went wrong in it.
 * @param {Browser} browser
 * @param {string} origin the only address that it may ask
 * @param {BrowserContextOptions} [options]
 */
export async function openTab(browser, origin, options) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // A refused request is shown on the screen; what the policy of the page blocks is a fault.
    const isRefusal = message.text().includes('Failed to load resource');
    if (message.type() === 'error' && !isRefusal) faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) faults.push(`asked ${request.url()}`);
  });
  return { page, faults };
}

/**
 * @param {Page} page
 * @param {string} name
 */
export async function picture(page, name) {
  if (PICTURES === undefined) return;
  fs.mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}

/** @param {Page} page */
export async function violations(page) {
  await page.evaluate(AXE);
  const { passes, violations: found } = /** @type {AxeResults} */ (await page.evaluate(RUN_AXE));
  assert.ok(passes.length > 5, 'axe has looked at the screen');
  return found.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join('\n  ')}`,
  );
}
