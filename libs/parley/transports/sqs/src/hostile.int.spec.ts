import { randomBytes, randomUUID } from 'node:crypto';
import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { Controller } from '@nestjs/common';
import { command } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { type DeadLetter, Handles } from '@parley/messaging';
import {
  type Attributes,
  eventually,
  GoodOrder,
  goodOrder,
  hostileSuite,
  Instance,
  Recorder,
} from '@parley/conformance';
import { TrialQueues } from './queues.fixture';
import { sqs } from './sqs';
import { queueNames } from './topology';

const url = process.env.SQS_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;
const PREFIX = 'hostile-';

const Reserve = command(`${OWNER}.reserve-stock`, GoodOrder);

const handled = new Recorder<string>();

@Controller()
class Victim {
  @Handles(Reserve)
  async reserve({ name }: GoodOrder): Promise<void> {
    handled.note(name);
  }
}

let victim: Instance;
let queues: TrialQueues;
let queue: string;
let known = 0;

/** Sends as any program can that may write to the queue. */
const publish = (body: Buffer, attributes: Attributes) =>
  queues.client.send(
    new SendMessageCommand({
      QueueUrl: queue,
      MessageBody: JSON.stringify({ ...attributes, data_base64: body.toString('base64') }),
    }),
  );

async function nextDead(): Promise<DeadLetter | undefined> {
  const { deadLetters } = victim.store.lanes;
  return (await deadLetters.count()) > known
    ? (await deadLetters.list({ newest: true, limit: 1 }))[0]
    : undefined;
}

const open = async () => {
  const at = new URL(url);
  at.searchParams.set('prefix', PREFIX);
  at.searchParams.set('wait', '1s');
  const options = { urls: { commands: at.href }, technologies: [sqs], store: new MemoryStore() };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
  queues = TrialQueues.at(url);
  const { QueueUrl } = await queues.client.send(
    new GetQueueUrlCommand({ QueueName: queueNames(PREFIX, OWNER).commands }),
  );
  queue = QueueUrl!;
};
const close = async () => {
  await victim.stop();
  await queues.drop(`${PREFIX}${OWNER}`);
};

if (url) {
  hostileSuite({
    name: 'messages in a queue of SQS', type: Reserve.name, good: goodOrder, attributes: 'texts', keepsInMemory: true, open, close,
    // SQS takes 1 MiB, of which base64 takes a third.
    largest: { bytes: 780_000, reason: 'by SQS' },
    send: async (body, attributes) => {
      const before = handled.entries.length;
      const refused = await publish(body, attributes as Attributes).then(() => undefined, ({ message }: Error) => message);
      if (refused !== undefined) return { refused: `by SQS: ${refused}` };
      return eventually(async () => {
        if (handled.entries.length > before) return 'taken' as const;
        const letter = await nextDead();
        if (!letter) return undefined;
        known++;
        expect(Buffer.from(letter.body).equals(body)).toBe(true);
        return { refused: `${letter.failure.error}: ${letter.failure.message}` };
      }, 'what becomes of a hostile message');
    },
    neighbour: async () => {
      const before = handled.entries.length;
      await publish(Buffer.from(JSON.stringify(goodOrder.payload)), { specversion: '1.0', id: randomUUID(), type: Reserve.name });
      await handled.reach(before + 1);
    },
  }); // prettier-ignore
} else it.skip('SQS: not run, for SQS_URL is not set', () => undefined);
