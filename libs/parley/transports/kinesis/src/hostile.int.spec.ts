import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { type Attributes, hostileQueueSuite, refusalOf } from '@parley/conformance';
import { kinesis } from './kinesis';
import { TrialStreams } from './topology.fixture';

const url = process.env.KINESIS_URL ?? '';
const PREFIX = 'hostile-';

async function attack(service: string) {
  const streams = TrialStreams.at(url);
  return {
    publish: (body: Buffer, attributes: Attributes) =>
      refusalOf(
        'Kinesis',
        streams.client.send(
          new PutRecordCommand({
            StreamName: `${PREFIX}${service}.commands`,
            Data: Buffer.from(
              JSON.stringify({ ...attributes, data_base64: body.toString('base64') }),
            ),
            PartitionKey: 'any',
          }),
        ),
      ),
    close: () => streams.drop((name) => name.startsWith(`${PREFIX}${service}`)),
  };
}

function commandsUrl(): string {
  const at = new URL(url);
  for (const [name, value] of Object.entries({ prefix: PREFIX, shards: '1', poll: '50ms' }))
    at.searchParams.set(name, value);
  return at.href;
}

if (url)
  hostileQueueSuite({
    name: 'messages in a stream of Kinesis',
    technology: kinesis,
    url: commandsUrl(),
    attack,
    // A record has 1 MiB, of which base64 takes a third.
    largest: { bytes: 780_000, reason: 'Kinesis: ', byBroker: true },
  });
else it.skip('Kinesis: not run, for KINESIS_URL is not set', () => undefined);
