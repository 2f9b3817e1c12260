import { randomBytes } from 'node:crypto';
import {
  brokerProcess,
  commandSuite,
  MemoryDatabases,
  FaultyLink,
  offersBroker,
  TcpProxy,
  type Fixture,
} from '@parley/conformance';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';

const given = process.env.SQS_URL ?? '';
const prefix = `conformance-${randomBytes(4).toString('hex')}-`;
const databases = new MemoryDatabases();
const broker = brokerProcess('sqs');

const fixture: Fixture = {
  technology: 'sqs',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: true,
      cuts: true,
      confirms: true,
      persistent: true,
      orphans: true,
      forgets:
        'SQS itself drops copies of a keyed command for five minutes, and cannot be told to forget',
      broker: offersBroker(broker),
      limits: 'what is larger goes by claim check',
    },
    largest: 200_000,
    // SQS counts in whole seconds.
    lateness: 2_500,
    exceptions: {
      T43: 'SQS counts every reception: a keyed command comes back as its second attempt',
      T49: 'ElasticMQ, which stands for SQS, loses the order within a message group when it is killed; nothing is lost, and each takes effect once',
    },
  },
  tearDown: () => TrialQueues.at(given).drop(prefix),
  open: async (service) => {
    const [way, database] = [await TcpProxy.to(given, 9324), new FaultyLink()];
    const url = new URL(way.along(given));
    url.searchParams.set('prefix', prefix);
    url.searchParams.set('wait', '1s');
    url.searchParams.set('lease', '15s');
    return {
      options: {
        urls: { commands: url.href },
        technologies: [sqs],
        store: databases.linked(service, database),
      },
      way,
      cut: () => way.cut(),
      kill: () => way.down() + database.set(false),
      alive: () => way.connections > 0 || database.isUp(),
      close: () => way.close(),
    };
  },
  record: async (service, tx, effect) => databases.record(service, tx, effect),
  effects: async (service) => databases.effects(service),
  broker,
};

if (given) commandSuite(fixture);
else it.skip('SQS: not run, for SQS_URL is not set', () => undefined);
