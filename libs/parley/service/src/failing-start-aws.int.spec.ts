import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { TrialStreams } from '../../transports/kinesis/src/topology.fixture';
import { TrialQueues } from '../../transports/sqs/src/queues.fixture';
import { startsFail } from './faults.fixture';

startsFail({
  sqs: [
    {
      with: 'a wrong secret',
      sets: { COMMANDS_URL: 'sqs://key:{wrong}@{aws-refusing}?insecure=true' },
      says: 'SQS at sqs://{aws-refusing} refuses the credentials (The security token included in the request is invalid.); correct them, or allow them sqs:* on the queues of this service',
    },
    {
      with: 'an unknown host',
      sets: { COMMANDS_URL: 'sqs://key:{wrong}@nowhere.invalid?insecure=true' },
      says: 'SQS at sqs://nowhere.invalid cannot be reached (getaddrinfo …); is it running, and does the URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { COMMANDS_URL: 'sqs://key:{wrong}@{nothing}?insecure=true' },
      says: 'SQS at sqs://{nothing} cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does the URL point to it?',
    },
    {
      with: 'a website on its port',
      sets: { COMMANDS_URL: 'sqs://key:{wrong}@{website}?insecure=true' },
      says: 'SQS at sqs://{website} does not answer like SQS (…); does the URL point to it?',
    },
    {
      with: 'a queue that is missing and not to be made',
      sets: { COMMANDS_URL: '{SQS_URL}', PARLEY_TOPOLOGY: 'verify' },
      says: 'SQS at sqs://{sqs}: the queue {name}-dead… does not exist, and this service may not make it; create it as `parley topology` prints it',
    },
    {
      with: 'a queue that has other settings',
      finds: async (name) => {
        const queues = TrialQueues.at(process.env['SQS_URL']!);
        await queues.client.send(
          new CreateQueueCommand({ QueueName: `${name}-dead`, Attributes: { DelaySeconds: '5' } }),
        );
        return () => queues.drop(name);
      },
      sets: { COMMANDS_URL: '{SQS_URL}' },
      says: 'SQS at sqs://{sqs}: the queue {name}-dead has DelaySeconds 5 instead of 0; change it, or use another prefix',
    },
    {
      with: 'a queue whose name would be too long for it',
      sets: {
        COMMANDS_URL:
          '{SQS_URL}&prefix=an-unreasonably-long-prefix-that-leaves-no-room-for-the-name-of-any-queue-',
      },
      says: "SQS at sqs://{sqs}: the queue … has a name of more than 80 characters; shorten the prefix or the service's name",
    },
  ],
  kinesis: [
    {
      with: 'a wrong secret',
      sets: { EVENTS_URL: 'kinesis://key:{wrong}@{aws-refusing}?insecure=true' },
      says: 'Kinesis at kinesis://{aws-refusing} refuses the credentials (The security token included in the request is invalid.); correct them, or allow them kinesis:* on the streams of this service',
    },
    {
      with: 'an unknown host',
      sets: { EVENTS_URL: 'kinesis://key:{wrong}@nowhere.invalid?insecure=true' },
      says: 'Kinesis at kinesis://nowhere.invalid cannot be reached (getaddrinfo …); is it running, and does the URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { EVENTS_URL: 'kinesis://key:{wrong}@{nothing}?insecure=true' },
      says: 'Kinesis at kinesis://{nothing} cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does the URL point to it?',
    },
    {
      with: 'SQS on its port',
      sets: { EVENTS_URL: 'kinesis://key:{wrong}@{sqs}?insecure=true' },
      says: 'Kinesis at kinesis://{sqs} does not answer like Kinesis (…); does the URL point to it?',
    },
    {
      with: 'an option with a value that it does not have',
      sets: { EVENTS_URL: 'kinesis://key:{wrong}@{nothing}?insecure=true&shards=0' },
      says: 'EVENTS_URL: the option shards=0 of a Kinesis URL is a whole number from 1 to 500',
    },
    {
      with: 'a stream that is missing and not to be made',
      sets: { EVENTS_URL: '{KINESIS_URL}', PARLEY_TOPOLOGY: 'verify' },
      says: 'Kinesis at kinesis://{kinesis}: the stream {name}.events does not exist, and this service may not make it; create it as `parley topology` prints it',
    },
    {
      with: 'a stream that keeps less',
      finds: async (name) => {
        const streams = TrialStreams.at(process.env['KINESIS_URL']!);
        await streams.client.send(
          new CreateStreamCommand({ StreamName: `${name}.events`, ShardCount: 1 }),
        );
        return () => streams.drop((stream) => stream.startsWith(`${name}.`));
      },
      sets: { EVENTS_URL: '{KINESIS_URL}' },
      says: 'Kinesis at kinesis://{kinesis}: the stream {name}.events keeps what is in it for 24 h instead of 168 h; raise that, or set ?retention=24h',
    },
  ],
});
