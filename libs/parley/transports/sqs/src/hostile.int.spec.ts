import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { type Attributes, hostileQueueSuite, refusalOf } from '@parley/conformance';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';
import { queueNames } from './topology';

const url = process.env.SQS_URL ?? '';
const PREFIX = 'hostile-';

async function attack(service: string) {
  const queues = TrialQueues.at(url);
  const { QueueUrl } = await queues.client.send(
    new GetQueueUrlCommand({ QueueName: queueNames(PREFIX, service).commands }),
  );
  return {
    publish: (body: Buffer, attributes: Attributes) =>
      refusalOf(
        'SQS',
        queues.client.send(
          new SendMessageCommand({
            QueueUrl,
            MessageBody: JSON.stringify({ ...attributes, data_base64: body.toString('base64') }),
          }),
        ),
      ),
    close: () => queues.drop(`${PREFIX}${service}`),
  };
}

function commandsUrl(): string {
  const at = new URL(url);
  at.searchParams.set('prefix', PREFIX);
  at.searchParams.set('wait', '1s');
  return at.href;
}

if (url)
  hostileQueueSuite({
    name: 'messages in a queue of SQS',
    technology: sqs,
    url: commandsUrl(),
    attack,
    // SQS takes 1 MiB, of which base64 takes a third.
    largest: { bytes: 780_000, reason: 'SQS: ', byBroker: true },
  });
else it.skip('SQS: not run, for SQS_URL is not set', () => undefined);
