import { randomBytes } from 'node:crypto';
import { silentNetworkSuite } from '@parley/conformance';
import { kinesis } from './kinesis';
import { TrialStreams } from './topology.fixture';

const url = process.env.KINESIS_URL ?? '';
const prefix = `silence-${randomBytes(4).toString('hex')}-`;

if (url)
  for (const kind of ['command', 'event'] as const)
    silentNetworkSuite({
      technology: kinesis,
      kind,
      url,
      port: 4567,
      options: { prefix, shards: '2', lease: '3s', poll: '50ms' },
      toldWithin: 20_000,
      backWithin: 15_000,
      tearDown: () => TrialStreams.at(url).drop((name) => name.startsWith(prefix)),
    });
else it.skip('kinesis: not run, for KINESIS_URL is not set', () => undefined);
