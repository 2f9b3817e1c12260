import { RunningShop } from './running-shop.fixture';
import { scenarios } from './scenarios.fixture';

/** `.data/run.json` of a shop that runs; `npm run e2e` starts one. */
const runFile = process.env.SHOP_RUN_FILE;

jest.setTimeout(300_000);

if (runFile) describe('as processes', () => scenarios(() => RunningShop.open(runFile)));
else
  it.skip('the running shop: not run, for SHOP_RUN_FILE is not set (npm run e2e)', () => undefined);
