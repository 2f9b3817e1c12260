import {
  brokerFixture,
  broadcastSuite,
  brokerProcess,
  commandSuite,
  offersBroker,
} from '@parley/conformance';
import { activemq } from './activemq';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';
const broker = brokerProcess('activemq');
const services = new Set<string>();

const fixture = brokerFixture({
  technology: 'activemq',
  features: {
    offers: {
      ...{
        death: true,
        outbox: true,
        cuts: true,
        confirms: true,
        persistent: true,
        orphans: true,
        forgets: true,
      },
      refuses: 'ActiveMQ takes bodies of any size',
      broker: offersBroker(broker),
      limits: 'the kit sets none, ActiveMQ keeps large bodies on its disk',
    },
  },
  admit: async (service) => void services.add(service),
  technologies: [activemq],
  url: () => url,
  port: 61_616,
  urls: (at) => ({ commands: at, broadcasts: at }),
  broker,
  tearDown: () => removeTraces(url, [...services]),
});

if (url) {
  commandSuite(fixture);
  broadcastSuite(fixture);
} else it.skip('ActiveMQ: not run, for ACTIVEMQ_URL is not set', () => undefined);
