import { Controller } from '@nestjs/common';
import { event } from '@parley/contract';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { UnrecoverableError } from '../message/failure';
import { Messaging } from '../messaging';
import { RunUnderWayError } from './canary-replays';

const Landed = event('apron.plane-landed', z.object({ plane: z.string() }), { key: 'plane' });

/** The bridge that serves planes: broken until somebody repairs it. */
let isBroken: boolean;
let breaksAt: number;
let served: string[];

@Controller()
@Subscription('bridge')
class BridgeController {
  @Handles(Landed)
  serve({ plane }: { plane: string }): void {
    if (isBroken || served.length === breaksAt)
      throw new UnrecoverableError('the bridge is broken');
    served.push(plane);
  }
}

describe('a canary replay', () => {
  let harness: Harness;
  let service: TestService;
  let group: string;
  const by = { who: 'ada', reason: 'the bridge is mended' };

  const start = () => harness.start('apron', { controllers: [BridgeController] });
  const desk = () => service.get(Messaging).canaryReplays!;
  const letters = () => service.store.lanes.deadLetters;
  const only = async () => (await letters().runs.list())[0]!;
  const land = async (planes: number) => {
    isBroken = true;
    for (let n = 0; n < planes; n++) await harness.publish(Landed, { plane: `p-${n}` });
    await harness.advance('1s');
    group = (await letters().groups())[0]!.group;
  };
  const begin = (rate = 100) =>
    desk()
      .begin({ subscription: 'apron.bridge', group, rate }, by)
      .then((run) => run!);
  /** Lets time pass until the run is over. */
  const over = async () => {
    while ((await only()).state === 'running') await harness.advance('100ms');
    return only();
  };

  beforeEach(async () => {
    [isBroken, breaksAt, served] = [false, Infinity, []];
    harness = new Harness();
    service = await start();
  });
  afterEach(() => harness.close());

  it('stops after the first letter while the cause is there, and leaves the others alone', async () => {
    await land(60);
    await begin();
    const run = await over();
    expect(run).toMatchObject({ state: 'relapsed', step: 0, replayed: 1, total: 60 });
    expect(run.outcome).toContain(
      'stopped in step 1: one died again, now letter 61: UnrecoverableError: the bridge is broken; 0 of 60 handled, 59 left alone',
    );
    expect(await letters().count()).toBe(60);
    expect(await letters().groups()).toMatchObject([{ count: 60, relapsed: 1 }]);
  });

  it('takes 1, 5, 25, then all, each step after the one before was handled', async () => {
    await land(60);
    isBroken = false;
    await begin();
    expect(await over()).toMatchObject({ state: 'done', outcome: '60 of 60 handled' });
    expect(served).toHaveLength(60);
    const steps = (await letters().audit({ limit: 200 }))
      .filter(({ action }) => action === 'canary replay')
      .map(({ outcome }) => outcome);
    expect(steps.reverse()).toEqual([
      `run 1 begins: 60 letters of ${group}, at 100 a second`,
      'run 1, step 1: 1 letter handled',
      'run 1, step 2: 5 letters handled',
      'run 1, step 3: 25 letters handled',
      'run 1 ends: 60 of 60 handled',
    ]);
  });

  it('stops in a later step, too', async () => {
    await land(60);
    [isBroken, breaksAt] = [false, 10];
    await begin();
    const run = await over();
    expect(run).toMatchObject({ state: 'relapsed', step: 2 });
    expect(run.outcome).toMatch(/^stopped in step 3: .* \d+ of 60 handled.*, \d+ left alone$/);
    expect(run.replayed).toBeLessThanOrEqual(31);
  });

  it('keeps its rate', async () => {
    await land(60);
    isBroken = false;
    const began = harness.clock.elapsed();
    await begin(5);
    await over();
    expect(harness.clock.elapsed() - began).toBeGreaterThan(59 * 200 - 500);
    expect(harness.clock.elapsed() - began).toBeLessThan(59 * 200 + 3_000);
  });

  it('is begun by one of two people; the other one is told who, and how far it is', async () => {
    await land(3);
    await begin();
    const refused = await desk()
      .begin({ subscription: 'apron.bridge', group, rate: 1 }, { who: 'bob' })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RunUnderWayError);
    expect((refused as Error).message).toMatch(
      /^ada replays \w+ of apron\.bridge since .* \(run 1\): .* of 3 handled.*; wait for it, or cancel it$/,
    );
    await over();
  });

  it('ends for whoever cancels it, and the rest is left alone', async () => {
    await land(60);
    isBroken = false;
    const { id } = await begin(1);
    while (served.length < 3) await harness.advance('100ms');
    expect(await desk().cancel(id, { who: 'bob', reason: 'not now' })).toBe(true);
    await harness.advance('5s');
    expect(served).toHaveLength(3);
    expect(await only()).toMatchObject({ state: 'cancelled' });
    expect((await only()).outcome).toMatch(
      /^cancelled by bob: (3 of 60 handled|2 of 60 handled, 1 under way), 57 left alone$/,
    );
    expect(await desk().cancel(id, { who: 'eve' })).toBe(false);
  });

  it('goes on with another instance when its own one stops', async () => {
    await land(60);
    isBroken = false;
    await begin(10);
    while (served.length < 3) await harness.advance('100ms');
    await service.stop();
    service = await start();
    expect(await over()).toMatchObject({ state: 'done', outcome: '60 of 60 handled' });
    expect(new Set(served).size).toBe(60);
  });

  it('says when others decided about its letters meanwhile', async () => {
    await land(4);
    isBroken = false;
    const last = (await letters().list({ newest: true, limit: 1 }))[0]!;
    await begin(1);
    await letters().discard(last.id, { who: 'bob', reason: 'a test flight' });
    expect(await over()).toMatchObject({
      outcome: '3 of 4 handled, 1 decided by somebody else',
    });
  });

  it('is refused where there is no such letter', async () => {
    const asked = { subscription: 'apron.bridge', group: 'nothing', rate: 1 };
    expect(await desk().begin(asked, by)).toBeUndefined();
  });
});
