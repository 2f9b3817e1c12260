import { randomBytes } from 'node:crypto';
import { comingUpSuite } from '@parley/conformance';
import { NOT_YET, REFUSAL } from '../../aws/src/gateway.fixture';
import { kinesis } from './kinesis';
import { TrialStreams } from './topology.fixture';

const url = process.env.KINESIS_URL ?? '';
const prefix = `coming-${randomBytes(4).toString('hex')}-`;

if (url)
  comingUpSuite({
    technology: kinesis,
    kind: 'command',
    url,
    port: 4567,
    options: { prefix, shards: '2', lease: '3s', poll: '50ms' },
    notYet: NOT_YET,
    // AWS's client asks twice by itself.
    connections: ['not yet', 'not yet', 'not yet', 'not yet'],
    refusal: REFUSAL,
    tearDown: () => TrialStreams.at(url).drop((name) => name.startsWith(prefix)),
  });
else it.skip('kinesis: not run, for KINESIS_URL is not set', () => undefined);
