import { randomBytes } from 'node:crypto';
import { comingUpSuite } from '@parley/conformance';
import { NOT_YET, REFUSAL } from '../../aws/src/gateway.fixture';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';

const url = process.env.SQS_URL ?? '';
const prefix = `coming-${randomBytes(4).toString('hex')}-`;

if (url)
  comingUpSuite({
    technology: sqs,
    kind: 'command',
    url,
    port: 9324,
    options: { prefix, wait: '1s', lease: '15s' },
    notYet: NOT_YET,
    // AWS's client asks twice by itself.
    connections: ['not yet', 'not yet', 'not yet', 'not yet', 'through', 'not yet', 'not yet'],
    refusal: REFUSAL,
    tearDown: () => TrialQueues.at(url).drop(prefix),
  });
else it.skip('sqs: not run, for SQS_URL is not set', () => undefined);
