import { command, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { z } from 'zod';
import { PayloadProcessor } from '../payload/payload-processor';
import type { OutgoingMessage } from '../message/message';
import { Publisher } from './publisher';
import type { Transport } from '../ports/transport';

const Remind = command('desk.remind-clerk', z.object({ n: z.int() }));
const message = (id: string, delay?: number): OutgoingMessage =>
  ({
    contract: Remind as Contract,
    envelope: { specversion: '1.0', id, type: Remind.name, source: '/desk' },
    body: Buffer.from('{"n":1}'),
    delay,
  }) as OutgoingMessage;

let store: MemoryStore;
let published: string[];

beforeEach(() => ([store, published] = [new MemoryStore(), []]));

function publisher(delays: boolean): Publisher {
  const publish = async (messages: readonly OutgoingMessage[]) =>
    void published.push(...messages.map(({ envelope: { id } }) => id));
  const transport = { technology: 'plain', delays, publish } as unknown as Transport;
  return new Publisher(
    { of: () => transport, all: () => [] },
    store,
    new PayloadProcessor(undefined, undefined),
  );
}

describe('a delayed message', () => {
  it('waits in the outbox where the technology cannot hold it back, and what is not delayed goes', async () => {
    await publisher(false).now([
      message('later', 60_000),
      message('at once'),
      message('no delay', 0),
    ]);
    expect(published).toEqual(['at once', 'no delay']);
    expect(await store.outbox.due(10)).toEqual([]);
    const { waiting, nextDue } = await store.outbox.state();
    expect(waiting).toBe(1);
    expect(nextDue).toBeGreaterThan(50_000);
  });

  it('goes to a technology that holds it back itself', async () => {
    await publisher(true).now([message('later', 60_000)]);
    expect(published).toEqual(['later']);
    expect(await store.outbox.state()).toMatchObject({ waiting: 0 });
  });
});
