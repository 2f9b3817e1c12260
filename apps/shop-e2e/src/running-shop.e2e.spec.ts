import { setTimeout } from 'node:timers/promises';
import { QuotePrice } from '@contracts/catalog';
import { ReserveStock } from '@contracts/inventory';
import { RunningShop } from './running-shop.fixture';
import { scenarios } from './scenarios.fixture';

/** `.data/run.json` of a shop that runs; `npm run e2e` starts one. */
const runFile = process.env.SHOP_RUN_FILE;

jest.setTimeout(300_000);

if (runFile)
  describe('as processes', () => {
    scenarios(() => RunningShop.open(runFile));

    it('takes an order by GraphQL, and tells how it goes on to its end', async () => {
      const shop = await RunningShop.open(runFile);
      try {
        const orderId = await shop.placeByGraphql();
        expect((await shop.followed(orderId)).at(-1)).toBe('delivered');
        expect((await shop.order(orderId)).status).toBe('delivered');
      } finally {
        await shop.close();
      }
    });

    it('takes every order while instances are added, replaced and removed', async () => {
      const shop = await RunningShop.open(runFile);
      try {
        const before = shop.pidsOf('catalog');
        const count = before.length;
        let isChanging = true;
        const placing = (async () => {
          for (; isChanging; await setTimeout(100)) await shop.place();
        })();
        const changing = (async () => {
          await shop.parley('scale', `catalog=${count + 1}`);
          expect(shop.pidsOf('catalog')).toEqual([...before, expect.any(Number)]);
          await shop.parley('restart', 'catalog');
          const after = shop.pidsOf('catalog');
          expect(after).toHaveLength(count + 1);
          expect(after.filter((pid) => before.includes(pid))).toEqual([]);
          await shop.parley('scale', `catalog=${count}`);
          expect(shop.pidsOf('catalog')).toHaveLength(count);
        })().finally(() => (isChanging = false));
        await Promise.all([changing, placing]);
        await shop.finish();
      } finally {
        await shop.close();
      }
    });

    it('gives up an order after the half second of its client, also in the third service', async () => {
      const shop = await RunningShop.open(runFile);
      try {
        const late = ['catalog', QuotePrice, 'deadline-exceeded'] as const;
        const before = await shop.ended(...late);
        await shop.held('catalog.product', async () => {
          // A busy machine may come no further than the second service in this time.
          for (let now = before; now === before; now = await shop.ended(...late))
            expect(await shop.statusWithin('0.5')).toBe(504);
        });
        await shop.place();
        await shop.finish();
      } finally {
        await shop.close();
      }
    });

    it('keeps no payment token in plain in any table, neither while it waits nor afterwards', async () => {
      const shop = await RunningShop.open(runFile);
      try {
        await shop.away('inventory');
        await shop.providerDown(true);
        const orderId = await shop.place({ token: 'tok_ok' });
        // The saga keeps the token until it asks for the payment; then its command waits.
        await shop.askedUpTo(orderId, ReserveStock);
        expect(await shop.tablesWithTokens()).toEqual([]);
        await shop.back('inventory');
        await shop.triedInVain(orderId);
        expect(await shop.tablesWithTokens()).toEqual([]);
        expect(await shop.tablesWith(orderId)).toContain('orders.saga');
        await shop.providerDown(false);
        await shop.finish();
        expect(await shop.tablesWithTokens()).toEqual([]);
      } finally {
        await shop.close();
      }
    });
  });
else
  it.skip('the running shop: not run, for SHOP_RUN_FILE is not set (npm run e2e)', () => undefined);
