import { randomBytes, randomUUID } from 'node:crypto';
import { PutRecordCommand } from '@aws-sdk/client-kinesis';
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
import { kinesis } from './kinesis';
import { TrialStreams } from './topology.fixture';

const url = process.env.KINESIS_URL ?? '';
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
let streams: TrialStreams;
let known = 0;

/** Sends as any program can that may write to the stream. */
const publish = (body: Buffer, attributes: Attributes) =>
  streams.client.send(
    new PutRecordCommand({
      StreamName: `${PREFIX}${OWNER}.commands`,
      Data: Buffer.from(JSON.stringify({ ...attributes, data_base64: body.toString('base64') })),
      PartitionKey: 'any',
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
  for (const [name, value] of Object.entries({ prefix: PREFIX, shards: '1', poll: '50ms' }))
    at.searchParams.set(name, value);
  const options = {
    urls: { commands: at.href },
    technologies: [kinesis],
    store: new MemoryStore(),
  };
  victim = await Instance.start(
    OWNER,
    `${OWNER}-1`,
    { options, kill: () => 0, alive: () => true, close: async () => undefined },
    [Victim],
  );
  streams = TrialStreams.at(url);
};
const close = async () => {
  await victim.stop();
  await streams.drop((name) => name.startsWith(`${PREFIX}${OWNER}`));
};

if (url) {
  hostileSuite({
    name: 'messages in a stream of Kinesis', type: Reserve.name, good: goodOrder, attributes: 'texts', keepsInMemory: true, open, close,
    // A record has 1 MiB, of which base64 takes a third.
    largest: { bytes: 780_000, reason: 'by Kinesis' },
    send: async (body, attributes) => {
      const before = handled.entries.length;
      const refused = await publish(body, attributes as Attributes).then(() => undefined, ({ message }: Error) => message);
      if (refused !== undefined) return { refused: `by Kinesis: ${refused}` };
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
} else it.skip('Kinesis: not run, for KINESIS_URL is not set', () => undefined);
