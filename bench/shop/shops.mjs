// The shops of a bench: these sources, and those of earlier commits, each in a temporary folder. One
// runs at a time.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkOut, copyToday, removeCheckout } from '../../tools/shop/checkout.mjs';
import { ShopFolder } from '../../tools/shop/shop-folder.mjs';

/** @import { Contestant } from '../measure/mode.mjs' */
/** @import { Run } from '../../tools/dev/run-file.mjs' */

const PORTS = {
  PARLEY_PORT: process.env['PARLEY_PORT'] ?? '16000',
  PARLEY_POSTGRES_PORT: process.env['PARLEY_POSTGRES_PORT'] ?? '17432',
};

/** @type {string | undefined} */
let home;
/** @type {Map<string, ShopFolder>} by contestant */
const shops = new Map();

/** @param {readonly Contestant[]} contestants */
export async function prepareShops(contestants) {
  const folder = (home = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-bench-shop-')));
  fs.chmodSync(folder, 0o711); // PostgreSQL may run as another user
  for (const { name, label, against } of contestants) {
    const shop = new ShopFolder(path.join(folder, name), PORTS);
    shops.set(name, shop);
    console.error(`${label}: the sources are brought into a folder of their own …`);
    if (against === undefined) copyToday(shop.folder);
    else await checkOut(against, shop.folder, () => console.error(`npm ci of ${against} …`));
  }
}

/** @param {Contestant} contestant */
export function shopOf({ name }) {
  const shop = shops.get(name);
  if (!shop) throw new Error(`there is no shop of ${name}`);
  return shop;
}

/**
 * What runs in a folder now.
 * @param {ShopFolder} shop
 * @returns {Run}
 */
export function runOf(shop) {
  const run = shop.run();
  if (!run) throw new Error(`the shop does not run any more.\n${shop.lastWords()}`);
  return run;
}

/** Stops them, and removes their folders. */
export async function endShops() {
  for (const shop of shops.values()) {
    await shop.stop();
    await removeCheckout(shop.folder);
  }
  shops.clear();
  if (home) fs.rmSync(home, { recursive: true, force: true });
}
