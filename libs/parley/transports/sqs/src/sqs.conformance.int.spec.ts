import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { brokerFixture, brokerProcess, commandSuite, offersBroker } from '@parley/conformance';
import { processesOn } from '../../../conformance/src/ending/processes.fixture';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';

const given = process.env.SQS_URL ?? '';
const prefix = `conformance-${randomBytes(4).toString('hex')}-`;
const broker = brokerProcess('sqs');

const urlsAt = (at: string, lease: string) => {
  const url = new URL(at);
  for (const [name, value] of Object.entries({ prefix, wait: '1s', lease }))
    url.searchParams.set(name, value);
  return { commands: url.href };
};

const fixture = brokerFixture({
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
      processes: true,
      forgets:
        'SQS itself drops copies of a keyed command for five minutes, and cannot be told to forget',
      broker: offersBroker(broker),
      limits: 'what is larger goes by claim check',
    },
    largest: 900_000,
    // SQS counts in whole seconds.
    lateness: 2_500,
    exceptions: {
      T43: 'SQS counts every reception: a keyed command comes back as its second attempt',
      T49: 'ElasticMQ, which stands for SQS, loses the order within a message group when it is killed; nothing is lost, and each takes effect once',
    },
  },
  tearDown: () => TrialQueues.at(given).drop(prefix),
  technologies: [sqs],
  url: () => given,
  port: 9324,
  urls: (at) => urlsAt(at, '15s'),
  broker,
  processes: processesOn([join(__dirname, 'sqs'), 'sqs'], () => urlsAt(given, '5s')),
});

if (given) commandSuite(fixture);
else it.skip('SQS: not run, for SQS_URL is not set', () => undefined);
