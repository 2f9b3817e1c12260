// npm run storefront:check: the storefront in Chromium: orders by keyboard alone, the map, what goes
// wrong, axe, 320 px. The gateway and the services are the real ones, in memory and in one process.
import path from 'node:path';
import { build } from '../build/build.mjs';
import { buildPage } from '../build/page.mjs';
import { checkInBrowser } from '../console/browser-check.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

/** Beside dist: what is shipped has nothing of tests. */
const OUT = '.data/storefront';

await checkInBrowser(
  'npm run storefront:check [-- options]      tries the storefront',
  'tools/storefront/page-in-browser.mjs',
  async () => {
    await build(OUT, { withFixtures: true });
    await buildPage('storefront', OUT);
  },
);
