import { Controller } from '@nestjs/common';
import { command, type Message } from '@parley/contract';
import { Harness } from '@parley/testing';
import { z } from 'zod';
import type { BatchContext } from '../message/handler-context';
import { Handles } from '../handlers/handles';

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
