// Run by check.mjs: the operators' page in a real browser, before a console as it is shipped.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FOCUSED, openTab, picture, startBrowser, startConsole, violations } from './browser.mjs';
import { startStore } from './message-database.mjs';
import { CONVERSATION, messageId, sendMessages, TRACE } from './pretended-messages.mjs';
import { pretendShop } from './pretended-shop.mjs';

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */

const TOKEN = 'a-token-of-the-check';
const NARROW = { width: 320, height: 720 };
const SAGA = '4bee58aa-0000-4000-8000-000000000001';

/** Every screen: its path, and a text that is there when its data is. */
const SCREENS = /** @type {const} */ ([
  ['services', '/', 'Needs a person'],
  ['dead-letters', '/dead-letters', 'causes'],
  ['letters', '/dead-letters?view=letters', 'notifications/1'],
  ['letter', '/dead-letters/notifications/1', 'MailsController.rejected'],
  ['audit', '/dead-letters?view=audit', 'What operators did'],
  ['messages', '/messages', 'payments.charge-payment'],
  ['messages-none', '/messages?text=nothing', 'No message that is kept fits'],
  ['message', `/messages/${messageId(5)}`, 'ProviderError'],
  ['conversation', `/conversations/${CONVERSATION}`, 'What led to what'],
  ['trace', `/traces/${TRACE}`, 'orders.Orders/PlaceOrder'],
  ['sagas', '/sagas', 'fulfilment'],
  ['saga', `/sagas/orders/fulfilment/${SAGA}`, 'timeout payment'],
  ['map', '/map', 'Who sends what to whom'],
  ['map-of-one', '/map?at=orders', 'orders sends and receives'],
  ['contracts', '/contracts', 'orders.order-placed'],
  ['contract', '/contracts/orders.order-placed', 'orders.fulfilment'],
]);

/** @type {Awaited<ReturnType<typeof pretendShop>>} */
let shop;
/** @type {Awaited<ReturnType<typeof startConsole>>} */
let server;
/** @type {Awaited<ReturnType<typeof startStore>>} */
let store;
/** @type {Browser} */
let browser;

before(async () => {
  shop = await pretendShop();
  store = await startStore();
  server = await startConsole(shop.addresses, TOKEN, { DATABASE_URL: store.url });
  await store.whenOpen(server.url, TOKEN);
  await sendMessages(server, TOKEN);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await store?.stop();
  await shop?.stop();
});

/** @param {BrowserContextOptions} [options] */
const tab = (options) => openTab(browser, server.url, options);

/**
 * @param {BrowserContextOptions} [options]
 */
async function loggedIn(options) {
  const one = await tab(options);
  await one.page.goto(`${server.url}/#token=${TOKEN}`);
  await one.page.getByText('Needs a person').waitFor();
  return one;
}

/**
 * Another screen without a new document.
 * @param {Page} page
 * @param {string} to
 * @param {string} text
 */
async function show(page, to, text) {
  await page.goto(`${server.url}${to}`);
  await page.locator('main').getByText(text).first().waitFor();
}

describe('the login', () => {
  it('refuses a token that is not known, takes one that is, and ends when it is told to', async () => {
    const { page, faults } = await tab();
    await page.goto(`${server.url}/dead-letters?view=letters`);
    const field = page.getByLabel('Token', { exact: true });
    await field.waitFor();
    assert.deepEqual(await violations(page), []);
    await picture(page, 'login');
    await field.fill('a-token-that-is-wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The console does not know this token.').waitFor();
    await field.fill(TOKEN);
    await page.getByLabel('Your name').fill('Ada');
    await page.keyboard.press('Enter');
    await page.getByText('notifications/1').waitFor(); // what the address asked for
    await page.getByText('Ada (claimed)').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await field.waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('takes the token of a link, and leaves it neither in the address nor in the history', async () => {
    const { page, faults } = await tab();
    await page.goto(`${server.url}/sagas?state=running#token=${TOKEN}`);
    await page.getByText(SAGA).first().waitFor();
    assert.equal(page.url(), `${server.url}/sagas?state=running`);
    assert.equal(await page.evaluate('history.length'), 2); // the empty tab, and this
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('is shown again, with the reason, when the token is not good any more', async () => {
    const { page } = await loggedIn();
    await page.route('**/api/**', (route) =>
      route.fulfill({ status: 401, contentType: 'application/json', body: '{"message":"no"}' }),
    );
    await page.getByText('The token is not good any more').waitFor();
    await page.context().close();
  });
});

describe('a viewer', () => {
  it('reads everything, and is told why changes are off', async () => {
    const { page, faults } = await tab();
    await page.route('**/api/me', (route) =>
      route.fulfill({ json: { name: 'vera', role: 'viewer', isProven: true } }),
    );
    await page.goto(`${server.url}/dead-letters/notifications/5#token=${TOKEN}`);
    await page.getByText('vera is a viewer, who reads').waitFor();
    const replay = page.getByRole('button', { name: 'Replay …' });
    assert.equal(await replay.getAttribute('aria-disabled'), 'true');
    await replay.click({ force: true });
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.deepEqual(await violations(page), []);
    await picture(page, 'letter-viewer');
    assert.deepEqual(faults, []);
    await page.context().close();
  });
});

for (const scheme of /** @type {const} */ (['light', 'dark']))
  describe(`every screen, ${scheme}`, () => {
    /** @type {Awaited<ReturnType<typeof loggedIn>>} */
    let one;
    before(async () => {
      one = await loggedIn({ colorScheme: scheme });
    });
    after(() => one.page.context().close());
    for (const [name, to, text] of SCREENS)
      it(`${name} can be used by everybody: axe finds nothing`, async () => {
        await show(one.page, to, text);
        await picture(one.page, scheme === 'light' ? name : `${name}-dark`);
        assert.deepEqual(await violations(one.page), []);
        assert.deepEqual(one.faults, []);
      });
  });

describe('every screen, 320 px wide', () => {
  /** @type {Awaited<ReturnType<typeof loggedIn>>} */
  let one;
  before(async () => {
    one = await loggedIn({ viewport: NARROW });
  });
  after(() => one.page.context().close());
  for (const [name, to, text] of SCREENS)
    it(`${name} needs no scrolling to the side`, async () => {
      await show(one.page, to, text);
      await picture(one.page, `${name}-narrow`);
      const width = await one.page.evaluate('document.documentElement.scrollWidth');
      assert.ok(width <= NARROW.width, `it is ${width} px wide`);
    });
});

describe('dead letters, by keyboard alone', () => {
  /** @type {Awaited<ReturnType<typeof loggedIn>>} */
  let one;
  before(async () => {
    one = await loggedIn();
  });
  after(() => one.page.context().close());

  /**
   * Presses Tab until the wanted thing has the focus.
   * @param {RegExp} name its text or label
   */
  async function tabTo(name) {
    const { page } = one;
    const led = new Set();
    for (let pressed = 0; pressed < 150; pressed++) {
      const focused = String(await page.evaluate(FOCUSED));
      if (name.test(focused)) return;
      led.add(focused.slice(0, 60));
      await page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not lead to ${name}, but to ${[...led].join(' | ')}`);
  }
  /** @param {RegExp} name */
  async function press(name) {
    await tabTo(name);
    await one.page.keyboard.press('Enter');
  }

  it('are found, edited with a look at the changes, refused with the reason, and replayed', async () => {
    const { page, faults } = one;
    await press(/^Dead letters/);
    await page.getByRole('heading', { name: 'Dead letters' }).waitFor();
    await press(/^Error: EEXIST/);
    await page.getByText('notifications/5').waitFor();
    await press(/^notifications\/5$/);
    await page.getByText('3 messages of the same key').waitFor();
    await press(/^Edit …$/);
    const editor = page.getByRole('textbox', { name: 'Body as JSON' });
    await editor.waitFor();
    /** @param {string} body */
    const write = async (body) => {
      await tabTo(/^Body as JSON$/);
      await page.keyboard.press('Control+a');
      await page.keyboard.insertText(body);
    };
    await write('{"total":');
    await page.getByText('This is no JSON').waitFor();
    await write('{"total":"12"}');
    await press(/^Look over the changes$/);
    await page.getByText('customer').first().waitFor();
    await picture(page, 'letter-changes');
    assert.deepEqual(await violations(page), []);
    await press(/^Save$/);
    await page.getByText('The service refuses it: total Invalid input').waitFor();
    await press(/^Edit on$/);
    await write('{"total":1300}');
    await picture(page, 'letter-edit');
    await press(/^Look over the changes$/);
    await press(/^Save and replay$/);
    await page.getByText('It has its new body and is replayed').waitFor();
    await page.getByText('edit and replay').waitFor();
    assert.deepEqual(faults, []);
  });

  it('are replayed after a look at what is expected', async () => {
    const { page } = one;
    await show(page, '/dead-letters/notifications/3', '3 messages of the same key');
    await press(/^Replay …$/);
    const dialog = page.getByRole('dialog');
    await dialog.getByText('whether it succeeds').waitFor();
    await picture(page, 'letter-replay');
    assert.deepEqual(await violations(page), []);
    await press(/^Replay it$/);
    await page.getByText('It is replayed').waitFor();
  });

  it('are replayed in steps, told who does it already, and cancelled', async () => {
    const { page, faults } = one;
    await show(page, '/dead-letters', 'causes');
    const dialog = page.getByRole('dialog');
    const begin = async () => {
      await press(/^Replay in steps the 2 letters of the provider/);
      await dialog.getByLabel('Reason (needed)').waitFor();
      await dialog.getByLabel('Reason (needed)').focus();
      await page.keyboard.insertText('the provider is back');
      await press(/^Begin with 1 letter$/);
    };
    await begin();
    await page.getByText('step 1 of 4: 0 of 2 handled').waitFor();
    await begin();
    await dialog.getByText('replays 00c0ffee already').waitFor();
    await picture(page, 'canary');
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await press(/^Cancel run payments\/1$/);
    await dialog.getByLabel('Reason (needed)').focus();
    await page.keyboard.insertText('not now');
    await press(/^Cancel the run$/);
    await page.getByText('cancelled by').waitFor();
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(faults, []);
  });

  it('are discarded by the cause, with a reason, after which none is left', async () => {
    const { page, faults } = one;
    await show(page, '/dead-letters', 'causes');
    await press(/^Discard the 2 letters of the provider/);
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason (needed)').waitFor();
    await picture(page, 'bulk-discard');
    assert.deepEqual(await violations(page), []);
    await dialog.getByLabel('Reason (needed)').focus();
    await page.keyboard.insertText('test cards');
    await press(/^Discard 2 letters$/);
    await page.getByText('Discard done').waitFor();
    await page.getByText('2 of 2 letters').waitFor();
    await page.getByText('1 cause').waitFor();
    await press(/^Replay the 3 letters/);
    await dialog.getByText('Dry run of all of them').waitFor();
    await picture(page, 'bulk-replay');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.deepEqual(faults, []);
  });
});

describe('messages, by keyboard alone', () => {
  it('are searched by a word of the body, and followed to their cause and their trace', async () => {
    const { page, faults } = await loggedIn();
    /** @param {RegExp} name */
    const tabTo = async (name) => {
      for (let pressed = 0; pressed < 150; pressed++) {
        if (name.test(String(await page.evaluate(FOCUSED)))) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`Tab does not lead to ${name}`);
    };
    await tabTo(/^Messages$/);
    await page.keyboard.press('Enter');
    await page.getByText('payments.charge-payment').waitFor();
    await page.getByLabel('Words of the body').focus();
    await page.keyboard.insertText('tea-1');
    await page.keyboard.press('Enter');
    await page.getByText('2 messages').waitFor();
    assert.equal(new URL(page.url()).search, '?text=tea-1');
    await tabTo(/^inventory.reserve-stock$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Handlings' }).waitFor();
    await page.getByText('"sku": "TEA-1"').waitFor();
    await tabTo(new RegExp(`^${CONVERSATION}$`));
    await page.keyboard.press('Enter');
    await page.getByRole('img', { name: /^8 messages between gateway, orders/ }).waitFor();
    await tabTo(new RegExp(`^${TRACE}$`));
    await page.keyboard.press('Enter');
    await page.getByText('6 spans').waitFor();
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  it('are shown as they come', async () => {
    const { page, faults } = await loggedIn();
    await show(page, '/messages?live=true&text=tea-1', '2 messages');
    await sendMessages(server, TOKEN); // handled again
    await page.goto(`${server.url}/messages/${messageId(2)}`);
    await page.locator('tbody tr').nth(1).waitFor();
    assert.deepEqual(faults, []);
    await page.context().close();
  });
});

describe('a saga that is stuck', () => {
  it('says why, and is repaired with a reason, once', async () => {
    const { page, faults } = await loggedIn();
    await show(page, `/sagas/orders/fulfilment/${SAGA}`, 'waits 26 min for');
    await page.getByText('The rest of its way').waitFor();
    const dialog = page.getByRole('dialog');
    const skip = async () => {
      await page.getByRole('button', { name: 'Skip a step …' }).focus();
      await page.keyboard.press('Enter');
      await dialog.getByLabel('Step').selectOption('payments.payment-captured');
      await dialog.getByLabel('Fields of the answer, as JSON').fill('{"amount":1290}');
      await dialog.getByLabel('Reason (needed)').fill('paid by phone');
      await dialog.getByRole('button', { name: 'Skip a step' }).click();
    };
    await skip();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('paid by phone').waitFor();
    await picture(page, 'saga-repaired');
    assert.deepEqual(await violations(page), []);
    await skip();
    await dialog.getByText('changed meanwhile').waitFor();
    await picture(page, 'saga-repair');
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(faults, []);
    await page.context().close();
  });
});

describe('the concurrency', () => {
  it('is changed for every instance, after a look at what changes', async () => {
    const { page, faults } = await loggedIn();
    await page.getByRole('button', { name: /^orders.fulfilment: 10 at a time/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Messages at a time in each instance').fill('40');
    await dialog.getByText('from 10 to 40').waitFor();
    await picture(page, 'concurrency');
    assert.deepEqual(await violations(page), []);
    await dialog.getByRole('button', { name: 'Change every instance' }).click();
    await dialog.getByText('Each instance handles 40 at a time now.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^orders.fulfilment: 40 at a time/ }).waitFor();
    assert.deepEqual(faults, []);
    await page.context().close();
  });
});
