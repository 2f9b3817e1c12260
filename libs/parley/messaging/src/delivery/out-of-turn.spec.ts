import { Controller } from '@nestjs/common';
import { command } from '@parley/contract';
import { Harness } from '@parley/testing';
import { z } from 'zod';
import { UnrecoverableError } from '../message/failure';
import { Handles } from '../handlers/handles';

const Reserve = command('shelf.reserve-place', z.object({ order: z.string() }), { key: 'order' });
const Release = command('shelf.release-place', z.object({ order: z.string() }), { key: 'order' });
type Order = { order: string };

const released: string[] = [];

@Controller()
class ShelfController {
  @Handles(Reserve)
  reserve(): void {
    throw new UnrecoverableError('the shelf is broken');
  }

  @Handles(Release)
  release({ order }: Order): void {
    released.push(order);
  }
}

describe('a command out of turn', () => {
  let harness: Harness;

  beforeEach(async () => {
    released.length = 0;
    harness = new Harness();
    await harness.start('shelf', { controllers: [ShelfController] });
    await harness.send(Reserve, { order: 'a' });
    await harness.settled();
  });
  afterEach(() => harness.close());

  it('does not wait behind a dead letter of its key', async () => {
    await harness.send(Release, { order: 'a' }, { outOfTurn: true });
    await harness.settled();
    expect(released).toEqual(['a']);
  });

  it('waits, as any other of its key, when nobody says so', async () => {
    await harness.send(Release, { order: 'a' });
    await harness.settled();
    expect(released).toEqual([]);
  });
});
