// Run by check.mjs: the storefront in a real browser, before the whole shop in this process.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FOCUSED, openTab, picture, startBrowser, violations } from '../console/browser.mjs';

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */
/** @import { ShownShop as Shown } from '../../apps/shop-e2e/src/shown-shop.fixture.js' */

const COMPILED = path.resolve('.data/storefront/apps/shop-e2e/src/shown-shop.fixture.js');
const NARROW = { width: 320, height: 720 };
/** Virtual time passes until the page shows what is waited for; a look between. */
const LOOK_MS = 250;
const PATIENCE_MS = 60_000;

/** @type {Shown} */
let shop;
/** @type {Browser} */
let browser;

before(async () => {
  /** @type {{ ShownShop: typeof Shown }} */
  const { ShownShop } = createRequire(import.meta.url)(COMPILED);
  shop = await ShownShop.open();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await shop?.close();
});

/** @param {BrowserContextOptions} [options] */
async function opened(options) {
  const one = await openTab(browser, shop.url, options);
  const response = await one.page.goto(shop.url);
  assert.equal(response?.headers()['content-security-policy']?.includes('unsafe'), false);
  await one.page.getByText('Assam Mokalbari').first().waitFor();
  return one;
}

/** @param {Page} page @param {string} [scenario] */
async function place(page, scenario = 'All goes well') {
  await page.getByRole('radio', { name: scenario }).check();
  await page.getByRole('button', { name: 'Place the order' }).click();
}

/**
 * Lets virtual time pass until the page says something.
 * @param {Page} page
 * @param {string} text
 */
async function says(page, text) {
  const shown = page.getByText(text).first();
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
    if (await shown.isVisible()) return;
    await shop.advance();
    await shown.waitFor({ timeout: LOOK_MS }).catch(() => undefined);
  }
  assert.fail(
    `the page does not say "${text}", but: ${await page.locator('#journey').innerText()}`,
  );
}

/**
 * The light of a part of the map.
 * @param {Page} page
 * @param {'edge' | 'service'} what
 * @param {string} name
 */
const light = (page, what, name) =>
  page.locator(`[data-${what}="${name}"]`).getAttribute('data-light');

/** @param {Page} page @param {string} light */
const lit = (page, light) =>
  page
    .locator(`[data-edge][data-light="${light}"]`)
    .evaluateAll((edges) => edges.map((edge) => edge.getAttribute('data-edge')).sort());

describe('an order', () => {
  it('lights up the map on its way, and is still there after a reload', async () => {
    const { page, faults } = await opened();
    assert.deepEqual(await lit(page, 'went'), []);
    await page.getByText('€').first().waitFor();
    await place(page);
    await says(page, 'The order is delivered.');
    assert.deepEqual(await lit(page, 'went'), [
      ...['gateway-orders', 'inventory-orders', 'orders-catalog', 'orders-gateway'],
      ...['orders-inventory', 'orders-payments', 'orders-shipping', 'payments-orders'],
      'shipping-orders',
    ]);
    assert.deepEqual(await lit(page, 'follows'), [
      ...['notifications-insights', 'orders-insights', 'orders-notifications'],
      'shipping-inventory',
    ]);
    assert.deepEqual(await lit(page, 'waits'), []);
    assert.equal(await light(page, 'service', 'payments'), 'went');
    assert.equal(await light(page, 'service', 'console'), 'dark');
    await picture(page, 'storefront-delivered');
    const stages = await page.locator('.timeline > li').allInnerTexts();
    assert.match(stages[0] ?? '', /order placed[^]*call\s+orders.place-order\s+gateway → orders/);
    assert.match(stages[1] ?? '', /stock reserved[^]*command\s+inventory.reserve-stock/);
    await page.reload();
    await page.getByText('The order is delivered.').waitFor();
    assert.deepEqual(await page.locator('.timeline > li').allInnerTexts(), stages);
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('is a guest’s: a token opens it, which is in this tab alone', async () => {
    const { page, faults } = await opened();
    await place(page);
    await says(page, 'The order is delivered.');
    const kept = JSON.parse(
      String(await page.evaluate("sessionStorage.getItem('parley-storefront')")),
    );
    const [{ orderId, token }] = kept.orders;
    const asked = (/** @type {Record<string, string>} */ headers) =>
      fetch(`${shop.url}/orders/${orderId}`, { headers }).then(({ status }) => status);
    assert.deepEqual(
      [await asked({}), await asked({ authorization: `Bearer ${token}` })],
      [401, 200],
    );
    const another = await page.context().newPage();
    await another.goto(shop.url);
    await another.getByText('Place an order: the map lights up').waitFor();
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('whose card is declined goes back: the stock is released, and nothing is shipped', async () => {
    const { page, faults } = await opened();
    await place(page, 'The card is declined');
    await says(page, 'The order is rejected.');
    await page.getByText('payment declined: insufficient funds').waitFor();
    const stages = await page.locator('.timeline > li strong').allInnerTexts();
    assert.deepEqual(stages, [
      ...['order placed', 'stock reserved', 'payment declined: insufficient funds'],
      ...['stock released', 'order rejected: insufficient funds'],
    ]);
    await page.getByText('inventory.release-stock').waitFor();
    assert.equal(await light(page, 'edge', 'orders-shipping'), 'dark');
    assert.equal(await light(page, 'service', 'shipping'), 'dark');
    await picture(page, 'storefront-declined');
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('waits for a service that is away, beside others, and goes on when it is back', async () => {
    const { page, faults } = await opened();
    await shop.away('inventory');
    await place(page);
    await page.getByText('waits for inventory').waitFor();
    assert.deepEqual(await lit(page, 'waits'), ['orders-inventory']);
    assert.equal(await light(page, 'service', 'inventory'), 'waits');
    await picture(page, 'storefront-waiting');
    assert.deepEqual(await violations(page), []);
    await place(page, 'It goes to Antarctica');
    await page.getByLabel('Orders of this tab').waitFor();
    await page.getByText('waits for inventory').waitFor();
    await shop.back('inventory');
    await says(page, 'The order is rejected.');
    await page.getByText('cannot be shipped: we do not ship to AQ').waitFor();
    await page.getByLabel('Orders of this tab').selectOption({ index: 1 });
    await says(page, 'The order is delivered.');
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('that is refused is told why in a sentence, and nothing of it is lost', async () => {
    const { page } = await opened();
    await page.getByLabel('Pieces of Assam Mokalbari').fill('5000');
    await page.getByLabel('E-mail').fill('nobody');
    await page.getByRole('button', { name: 'Place the order' }).click();
    const alert = page.locator('form [role=alert]');
    await alert.getByText(/quantity of TEA-0001: /).waitFor();
    await alert.getByText(/email: /).waitFor();
    await picture(page, 'storefront-refused');
    assert.deepEqual(await violations(page), []);
    await page.reload();
    assert.equal(await page.getByLabel('E-mail').inputValue(), 'nobody');
    assert.equal(await page.getByLabel('Pieces of Assam Mokalbari').inputValue(), '5000');
    await page.context().close();
  });

  it('whose answer is lost is sent again under its key, after a reload, too, and is one order', async () => {
    const { page } = await opened();
    let lost = '';
    await page.route('**/orders', async (route) => {
      const answer = await route.fetch();
      lost = (await answer.json()).orderId;
      await route.abort();
    });
    await page.getByRole('button', { name: 'Place the order' }).click();
    await page.getByText('The shop does not answer. Is it running?').waitFor();
    await page.unroute('**/orders');
    await page.reload();
    await page.getByRole('button', { name: 'Send it again' }).click();
    await says(page, 'The order is delivered.');
    const kept = JSON.parse(
      String(await page.evaluate("sessionStorage.getItem('parley-storefront')")),
    );
    assert.deepEqual([kept.orders[0].orderId, kept.unanswered, lost.length], [lost, undefined, 36]);
    await page.context().close();
  });

  it('is followed again after the connection was lost, without a stage missing', async () => {
    const { page } = await opened();
    await shop.away('payments');
    await place(page);
    await page.getByText('waits for payments').waitFor();
    await page.context().setOffline(true);
    await page.route('**/events', (route) => route.abort());
    await page.reload().catch(() => undefined);
    await page.context().setOffline(false);
    await page.goto(shop.url);
    await page.getByText('The connection is lost').waitFor();
    await shop.back('payments');
    await page.unroute('**/events');
    await says(page, 'The order is delivered.');
    assert.equal(await page.locator('.timeline > li').count(), 7);
    await page.context().close();
  });
});

describe('the storefront', () => {
  for (const colorScheme of /** @type {const} */ (['light', 'dark']))
    it(`can be used by everybody, ${colorScheme}: axe finds nothing`, async () => {
      const { page, faults } = await opened({ colorScheme });
      assert.deepEqual(await violations(page), []);
      await place(page);
      await says(page, 'The order is delivered.');
      await picture(page, `storefront-${colorScheme}`);
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(faults, []);
      await page.context().close();
    });

  it('needs no scrolling to the side at 320 px', async () => {
    const { page } = await opened({ viewport: NARROW });
    await place(page, 'It goes to Antarctica');
    await says(page, 'The order is rejected.');
    await picture(page, 'storefront-narrow');
    const width = Number(await page.evaluate('document.documentElement.scrollWidth'));
    assert.ok(width <= NARROW.width, `it is ${width} px wide`);
    assert.deepEqual(await violations(page), []);
    await page.context().close();
  });

  it('is used by keyboard alone: products, what shall happen, the order, its stages', async () => {
    const { page, faults } = await opened();
    /** @param {RegExp} name */
    const tabTo = async (name) => {
      for (let pressed = 0; pressed < 150; pressed++) {
        if (name.test(String(await page.evaluate(FOCUSED)))) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`Tab does not lead to ${name}`);
    };
    await tabTo(/^Pieces of Darjeeling First Flush$/);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('3');
    await page.getByText('3 × Darjeeling First Flush').waitFor();
    /** The group of radios has one stop: that which is chosen. */
    const value = () => page.evaluate("document.activeElement?.getAttribute('value')");
    for (let pressed = 0; pressed < 150 && (await value()) !== 'fine'; pressed++)
      await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown');
    await page.getByText('Payments says no.').waitFor();
    await tabTo(/^Place the order$/);
    await page.keyboard.press('Enter');
    await page.waitForFunction("document.activeElement?.id === 'journey-title'");
    await says(page, 'The order is rejected.');
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('leads to the API and to the console, and lends its commands for copying', async () => {
    const { page, faults } = await opened({ permissions: ['clipboard-read', 'clipboard-write'] });
    assert.equal(await page.getByRole('link', { name: 'API' }).getAttribute('href'), '/docs');
    assert.match(
      String(await page.getByRole('link', { name: 'Console' }).getAttribute('href')),
      /^http:\/\/127\.0\.0\.1:\d+\/$/,
    );
    await page.getByRole('button', { name: /^Copy kill -STOP/ }).click();
    await page.getByText('Copied').waitFor();
    assert.match(String(await page.evaluate('navigator.clipboard.readText()')), /^kill -STOP \$/);
    assert.deepEqual(faults, []);
    await page.context().close();
  });
});
