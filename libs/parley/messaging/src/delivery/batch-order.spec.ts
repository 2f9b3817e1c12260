import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { command, type Message } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { Harness, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import type { BatchContext } from '../message/handler-context';
import { Handles } from '../handlers/handles';
import type { Handler, RegisteredSubscription } from '../ports/subscription';
import { pipelineOn } from './pipeline.fixture';

const Weigh = command('scales.weigh', z.object({ parcel: z.string() }), { key: 'parcel' });

it('a batch is acknowledged in the order of its keys: two with the same messages do not wait for each other', async () => {
  const harness = new Harness();
  let handled: string[] = [];
  const parcels = new Map<string, string | undefined>();
  @Controller()
  class Scales {
    @Handles(Weigh, { batch: 10 })
    weigh(messages: Message<typeof Weigh>[], { envelopes }: BatchContext): void {
      handled = messages.map(({ parcel }) => parcel);
      for (const { id, partitionkey } of envelopes) parcels.set(id, partitionkey);
    }
  }
  for (const parcel of ['d', 'b', 'e', 'a', 'c']) await harness.send(Weigh, { parcel });
  const acknowledged: (string | undefined)[] = [];
  const { store } = await harness.start('scales', { controllers: [Scales] });
  const record = store.inbox.record.bind(store.inbox);
  store.inbox.record = (tx, subscription, id, print) => (
    acknowledged.push(parcels.get(id)),
    record(tx, subscription, id, print)
  );
  await harness.settled();

  expect(handled).toEqual(['d', 'b', 'e', 'a', 'c']);
  expect(acknowledged).toEqual(['a', 'b', 'c', 'd', 'e']);
  await harness.close();
});

it('a batch checks its lanes in the order of its keys, before it is handled', async () => {
  const clock = new VirtualClock();
  const store = new MemoryStore(clock);
  const steps: string[] = [];
  const { parkIfLaneBlocked } = store.lanes;
  store.lanes.parkIfLaneBlocked = (tx, message) => (
    steps.push(String(message.key)),
    parkIfLaneBlocked.call(store.lanes, tx, message)
  );
  const handler: Handler = {
    contract: Weigh,
    options: { batch: 10 },
    name: 'Scales.weigh',
    run: ((messages: Message<typeof Weigh>[]) =>
      void steps.push(`handled ${messages.map(({ parcel }) => parcel).join('')}`)) as never,
  };
  const subscription: RegisteredSubscription = {
    kind: 'command',
    name: 'scales',
    from: 'beginning',
    live: false,
    concurrency: 10,
    handlers: new Map([[Weigh.name, handler]]),
  };
  const pipeline = pipelineOn({ store, clock, instance: 'scales-1' });
  // Of a technology that acknowledges outside the transaction, and leaves parking to the store.
  const deliver = (parcel: string) =>
    pipeline.deliver({
      subscription,
      headers: { id: randomUUID(), type: Weigh.name, partitionkey: parcel },
      body: Buffer.from(JSON.stringify({ parcel })),
      attempt: 1,
      signal: new AbortController().signal,
      supports: { retry: false, dead: false },
    });
  await Promise.all(['d', 'b', 'e', 'a', 'c'].map(deliver));

  expect(steps).toEqual(['a', 'b', 'c', 'd', 'e', 'handled dbeac']);
});
