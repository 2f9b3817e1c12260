// A browser with a page of another origin: one that CORS_ORIGINS lists, and one that it does not.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { startBrowser } from '../console/browser.mjs';
import { isWholeStory, orderOf, SKU } from './seen.mjs';

/** @import { AddressInfo } from 'node:net' */
/** @import { Page } from 'playwright-core' */

const PAGE = fs.readFileSync(path.join(import.meta.dirname, 'page.html'));

/** The origins of two pages that are the same but for their ports. */
export async function startPages() {
  const servers = [0, 1].map(() =>
    createServer((_request, response) =>
      response.setHeader('content-type', 'text/html; charset=utf-8').end(PAGE),
    ),
  );
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const [listed = '', unlisted = ''] = servers.map(
    (server) => `http://127.0.0.1:${/** @type {AddressInfo} */ (server.address()).port}`,
  );
  return {
    listed,
    unlisted,
    close: () => servers.forEach((server) => (server.close(), server.closeAllConnections())),
  };
}

/**
 * @param {string} origin
 * @param {string} edge
 * @param {(page: Page) => Promise<string | void>} work
 */
async function inPage(origin, edge, work) {
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`${origin}/?${new URLSearchParams({ edge })}`);
    return await work(page);
  } finally {
    await browser.close();
  }
}

/** @param {unknown[]} words */
const words = (...words) => words.map((word) => JSON.stringify(word)).join(', ');

/**
 * @param {string} edge
 * @param {{ listed: string, unlisted: string }} origins
 */
export const byBrowser = (edge, { listed, unlisted }) => ({
  'a page of an origin that is listed reads, orders, and follows by events and by WebSocket': () =>
    inPage(listed, edge, async (page) => {
      assert.ok((await page.evaluate('products()')) > 0);
      assert.ok((await page.evaluate("graphql('{ products { sku } }')")).products.length > 0);
      const place = () => page.evaluate(`place(${words(randomUUID(), orderOf(SKU))})`);
      isWholeStory(await page.evaluate(`events(${words(await place())})`));
      return isWholeStory(await page.evaluate(`progress(${words(await place())})`));
    }),
  'a page of another origin reads nothing, orders nothing, and follows nothing': () =>
    inPage(unlisted, edge, async (page) => {
      const key = randomUUID();
      const headers = { 'content-type': 'application/json', 'idempotency-key': key };
      const send = (/** @type {string} */ sku) =>
        fetch(`${edge}/orders`, { method: 'POST', headers, body: JSON.stringify(orderOf(sku)) });
      for (const work of [
        'products()',
        "graphql('{ products { sku } }')",
        `place(${words(key, orderOf(SKU))})`,
      ])
        await assert.rejects(page.evaluate(work), /Failed to fetch/, work);
      // Under the key of an order that was placed, another one would be refused.
      assert.equal((await send('COF-0001')).status, 202);
      const { orderId } = /** @type {{ orderId: string }} */ (
        await (await send('COF-0001')).json()
      );
      await assert.rejects(page.evaluate(`events(${words(orderId)})`), /the stream failed/);
      await assert.rejects(page.evaluate(`progress(${words(orderId)})`), /the socket was closed/);
    }),
});
