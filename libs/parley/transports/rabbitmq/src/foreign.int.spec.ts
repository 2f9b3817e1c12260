import { interopSuite } from '@parley/conformance/interop';
import { exchangeOf } from './broadcast-exchange';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
const shared = {
  technology: rabbitmq,
  url,
  program: 'rabbitmq.py',
  prefix: 'cloudEvents:',
  beside: ['content-type'],
  tidy: (services: readonly string[]) => dropQueuesOf(url, services),
};

interopSuite({ ...shared, kind: 'command', at: ({ owner }) => ({ owner }) });
interopSuite({ ...shared, kind: 'broadcast', at: ({ name }) => ({ exchange: exchangeOf(name) }) });
