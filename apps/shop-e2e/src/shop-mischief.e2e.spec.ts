import { scenarios } from './scenarios.fixture';
import { Shop } from './shop.fixture';

jest.setTimeout(60_000);

describe('under a broker that repeats, delays and reorders', () => {
  // A quarter of an hour of such a broker's mischief takes half a minute of real time.
  scenarios(() => Shop.open({ mischief: { seed: 11, duplicate: 0.3, delay: 50, reorder: true } }), {
    late: false,
  });
});
