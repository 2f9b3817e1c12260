// npm run console:check: the operators' page in Chromium: login, dead letters by keyboard alone,
// axe on every screen, 320 px. The console is the compiled one; the shop behind it pretends.
import path from 'node:path';
import { build } from '../build/build.mjs';
import { buildPage } from '../build/page.mjs';
import { checkInBrowser } from './browser-check.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

await checkInBrowser(
  "npm run console:check [-- options]      tries the operators' page",
  'tools/console/page-in-browser.mjs',
  async () => {
    await build();
    await buildPage('console');
  },
);
