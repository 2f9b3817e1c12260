import { randomBytes } from 'node:crypto';
import { silentNetworkSuite } from '@parley/conformance';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';

const url = process.env.SQS_URL ?? '';
const prefix = `silence-${randomBytes(4).toString('hex')}-`;

if (url)
  silentNetworkSuite({
    technology: sqs,
    kind: 'command',
    url,
    port: 9324,
    options: { prefix, wait: '1s', lease: '15s' },
    toldWithin: 20_000,
    backWithin: 15_000,
    tearDown: () => TrialQueues.at(url).drop(prefix),
  });
else it.skip('sqs: not run, for SQS_URL is not set', () => undefined);
