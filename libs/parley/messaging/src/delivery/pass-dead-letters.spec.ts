import { Controller } from '@nestjs/common';
import { command } from '@parley/contract';
import { Harness } from '@parley/testing';
import { z } from 'zod';
import { UnrecoverableError } from '../message/failure';
import { Handles } from '../handlers/handles';

const Reserve = command('shelf.reserve-place', z.object({ order: z.string() }), { key: 'order' });
const Try = command('shelf.try-place', z.object({ order: z.string() }), { key: 'order' });
const Release = command('shelf.release-place', z.object({ order: z.string() }), { key: 'order' });
type Order = { order: string };

const released: string[] = [];

@Controller()
class ShelfController {
  @Handles(Reserve)
  reserve(): void {
    throw new UnrecoverableError('the shelf is broken');
  }

  @Handles(Try, { retry: { immediate: 0, delays: ['10s'] } })
  try(): void {
    throw new Error('the shelf is full');
  }

  @Handles(Release)
  release({ order }: Order): void {
    released.push(order);
  }
}

describe('a command that passes dead letters', () => {
  let harness: Harness;
  const release = (order: string) => harness.send(Release, { order }, { passDeadLetters: true });

  beforeEach(async () => {
    released.length = 0;
    harness = new Harness();
    await harness.start('shelf', { controllers: [ShelfController] });
  });
  afterEach(() => harness.close());

  it('does not wait behind a dead letter of its key', async () => {
    await harness.send(Reserve, { order: 'a' });
    await harness.settled();
    await release('a');
    await harness.settled();
    expect(released).toEqual(['a']);
  });

  it('waits while the message before it is retried, and no longer when that one is dead', async () => {
    await harness.send(Try, { order: 'a' });
    await harness.advance('1s');
    await release('a');
    await harness.advance('1s');
    expect(released).toEqual([]);
    await harness.advance('20s');
    expect(await harness.deadLetters()).toHaveLength(1);
    expect(released).toEqual(['a']);
  });

  it('waits, as any other of its key, when nobody says so', async () => {
    await harness.send(Reserve, { order: 'a' });
    await harness.settled();
    await harness.send(Release, { order: 'a' });
    await harness.settled();
    expect(released).toEqual([]);
  });
});
