import { scenarios } from './scenarios.fixture';
import { Shop } from './shop.fixture';

jest.setTimeout(60_000);

describe('in one process, on memory', () => scenarios(() => Shop.open()));
