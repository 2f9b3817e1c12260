import { randomBytes } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { Instance, Recorder } from '@parley/conformance';
import { command } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { Handles, UnrecoverableError } from '@parley/messaging';
import { z } from 'zod';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
const OWNER = `t${randomBytes(4).toString('hex')}`;

const Order = z.object({ order: z.string() });
const Reserve = command(`${OWNER}.reserve-place`, Order, { key: 'order' });
const Release = command(`${OWNER}.release-place`, Order, { key: 'order' });

const failed = new Recorder<string>();
const released = new Recorder<string>();

@Controller()
class Shelf {
  @Handles(Reserve)
  reserve({ order }: z.infer<typeof Order>): void {
    failed.note(order);
    throw new UnrecoverableError('the shelf is broken');
  }

  @Handles(Release)
  release({ order }: z.infer<typeof Order>): void {
    released.note(order);
  }
}

(url ? it : it.skip)(
  'a command over RabbitMQ that passes dead letters does not wait for the one of its key',
  async () => {
    const options = { urls: { commands: url }, technologies: [rabbitmq], store: new MemoryStore() };
    const place = { options, kill: () => 0, alive: () => true, close: async () => undefined };
    const shelf = await Instance.start(OWNER, `${OWNER}-1`, place, [Shelf]);
    const { messenger } = shelf;
    await messenger.send(Reserve, { order: 'a' });
    await failed.reach(1);
    await messenger.send(Release, { order: 'a' }); // waits for the dead letter
    await messenger.send(Release, { order: 'a' }, { passDeadLetters: true });
    await messenger.send(Release, { order: 'b' });
    await released.reach(2);
    expect([...released.entries].sort()).toEqual(['a', 'b']);
    expect(await shelf.store.lanes.deadLetters.count()).toBe(1);
    await shelf.stop();
    expect(await dropQueuesOf(url, [OWNER])).toEqual([]);
  },
  60_000,
);
