import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Controller } from '@nestjs/common';
import { event } from '@parley/contract';
import { Handles, Subscription } from '@parley/messaging';
import { Logger } from '@parley/observability';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { readEnvironment } from './environment';
import { Operations } from './operations';
import { Service } from './service';

const Booked = event(
  'hotel.room-booked',
  z.object({ room: z.string(), nights: z.number().int().positive() }),
  { key: 'room' },
);
type Letter = {
  id: string;
  body: string;
  edits: number;
  group: string;
  replay: object;
  failure: { stack: string };
};

let full: boolean;
let booked: string[];

@Controller()
@Subscription('desk')
class DeskController {
  @Handles(Booked, { retry: { immediate: 0, delays: [] } })
  async book({ room, nights }: { room: string; nights: number }) {
    if (full) throw new Error(`no room in hotel 3f2504e0-4f89-41d3-9a0c-0305e82c3301\nreally`);
    booked.push(`${room}:${nights}`);
  }
}

describe('dead letters of a service, over HTTP', () => {
  let harness: Harness;
  let hotel: TestService;
  let server: Server;
  let url: string;

  beforeEach(async () => {
    [full, booked] = [true, []];
    harness = new Harness();
    hotel = await harness.start('hotel', { controllers: [DeskController] });
    const logger = new Logger({ service: 'hotel', instance: 'hotel-1', level: 'fatal' });
    const operations = new Operations(
      new Service('hotel', logger, { environment: readEnvironment({ INSTANCE: 'hotel-1' }) }),
    );
    operations.attach(hotel.app);
    server = createServer(operations.receive).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}/operations`;
  });
  afterEach(async () => {
    server.close();
    await harness.close();
  });

  async function ask(
    path: string,
    options?: RequestInit,
  ): Promise<{ status: number; body: never }> {
    const response = await fetch(`${url}/${path}`, options);
    return { status: response.status, body: (await response.json()) as never };
  }
  const post = (
    path: string,
    body?: object,
    headers: Record<string, string> = { 'x-operator': 'ada' },
  ) => ask(`dead-letters/${path}`, { method: 'POST', headers, body: body && JSON.stringify(body) });
  const die = async (...bookings: { room: string; nights: number }[]) => {
    for (const booking of bookings) await harness.publish(Booked, booking);
    await harness.settled();
    const { body } = await ask('dead-letters');
    return (body as { deadLetters: Letter[] }).deadLetters;
  };

  it('are listed, found by what they are, and grouped by what they died of', async () => {
    const [first] = await die({ room: 'a', nights: 1 }, { room: 'b', nights: 2 });
    expect(await ask('dead-letters/groups')).toMatchObject({
      body: {
        count: 2,
        groups: [
          {
            group: first!.group,
            count: 2,
            error: 'Error',
            cause: 'no room in hotel …',
            contract: 'hotel.room-booked',
            subscriptions: ['hotel.desk'],
          },
        ],
      },
    });
    expect(await ask('dead-letters?contract=hotel.room-booked&error=Error&limit=1')).toMatchObject({
      body: { count: 2, deadLetters: [{ id: first!.id }] },
    });
    expect(await ask('dead-letters?newest=true&limit=1')).toMatchObject({
      body: { deadLetters: [{ id: '2' }] },
    });
    expect(await ask('dead-letters?from=2099-01-01T00:00:00Z')).toMatchObject({
      body: { count: 0 },
    });
    expect(await ask('dead-letters?from=yesterday')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('from') },
    });
    expect((await ask('dead-letters?subscription=%00')).status).toBe(400);
  });

  it('are shown whole, with what a replay would come to', async () => {
    const [letter] = await die({ room: 'a', nights: 1 }, { room: 'a', nights: 2 });
    expect(await ask(`dead-letters/${letter!.id}`)).toMatchObject({
      status: 200,
      body: {
        headers: { type: 'hotel.room-booked', producerinstance: expect.any(String) },
        body: '{"room":"a","nights":1}',
        failure: {
          error: 'Error',
          tries: 1,
          instance: 'hotel-1',
          stack: expect.stringContaining('no room'),
        },
        replay: {
          handler: 'DeskController.book',
          expect: 'handled',
          lane: { key: 'a', held: true, waiting: 1 },
        },
      },
    });
    expect((await ask('dead-letters/77')).status).toBe(404);
    expect((await ask('dead-letters/1/replay')).status).toBe(404);
  });

  it('are replayed once, by whom they say; the second is told so', async () => {
    await die({ room: 'a', nights: 1 }, { room: 'a', nights: 2 });
    full = false;
    expect(await post('1/replay', { dryRun: true })).toMatchObject({
      status: 200,
      body: { replayed: false, replay: { expect: 'handled' } },
    });
    const both = await Promise.all([
      post('1/replay', { reason: 'a wing was added' }),
      post('1/replay', undefined, {}),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([202, 404]);
    await harness.settled();
    expect(booked).toEqual(['a:1', 'a:2']);
    const { entries } = (await ask('dead-letters/audit?letter=1')).body as { entries: object[] };
    expect(entries).toHaveLength(2);
    expect(entries).toContainEqual(
      expect.objectContaining({
        outcome: 'done',
        became: 'handled',
        before: '{"room":"a","nights":1}',
        subscription: 'hotel.desk',
      }),
    );
    expect(await ask('dead-letters/audit?who=ada (claimed)')).toMatchObject({
      body: { entries: [{ who: 'ada (claimed)' }] },
    });
  });

  it('are edited when the body is what the contract says, and refused naming the field', async () => {
    await die({ room: 'a', nights: 1 });
    expect(await post('1/edit', { body: { room: 'a', nights: -1 }, replay: true })).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('nights') },
    });
    expect(await post('1/edit', { body: { room: 'a', nights: 3 }, edits: 0 })).toMatchObject({
      status: 200,
    });
    expect((await post('1/edit', { body: { room: 'a', nights: 4 }, edits: 0 })).status).toBe(409);
    full = false;
    expect(
      await post('1/edit', { body: '{"room":"a","nights":5}', edits: 1, replay: true }),
    ).toMatchObject({ status: 202 });
    await harness.settled();
    expect(booked).toEqual(['a:5']);
    expect((await ask('dead-letters/audit')).body).toMatchObject({
      entries: [
        {
          action: 'edit and replay',
          outcome: 'done',
          before: '{"room":"a","nights":3}',
          after: '{"room":"a","nights":5}',
        },
        { action: 'edit', outcome: 'edited meanwhile' },
        {
          action: 'edit',
          outcome: 'done',
          before: '{"room":"a","nights":1}',
          after: '{"room":"a","nights":3}',
        },
        { action: 'edit and replay', outcome: expect.stringContaining('nights') },
      ],
    });
  });

  it('are discarded with a reason, not without', async () => {
    await die({ room: 'a', nights: 1 }, { room: 'a', nights: 2 });
    full = false;
    expect(await post('1/discard', {})).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('reason') },
    });
    expect((await post('discard', { filter: {} })).status).toBe(400);
    expect((await post('1/discard', { reason: 'a joke' })).status).toBe(200);
    await harness.settled();
    expect(booked).toEqual(['a:2']);
    expect((await ask('dead-letters/audit')).body).toMatchObject({
      entries: [
        {
          action: 'discard',
          reason: 'a joke',
          before: '{"room":"a","nights":1}',
          headers: { type: 'hotel.room-booked' },
        },
      ],
    });
  });

  it('are replayed in bulk, a batch a request', async () => {
    const letters = await die(...['a', 'b', 'c', 'd', 'e'].map((room) => ({ room, nights: 1 })));
    const filter = { group: letters[0]!.group };
    expect((await post('replay', { filter, dryRun: true })).body).toMatchObject({
      count: 5,
      replays: [{ letter: '1' }, {}, {}, {}, {}],
    });
    full = false;
    const next = async (body: object) => {
      let over = false;
      const answer = post('replay', body).finally(() => (over = true));
      while (!over) await harness.advance('100ms');
      return answer;
    };
    expect((await next({ filter, rate: 3 })).body).toMatchObject({
      upTo: '5',
      done: ['1', '2', '3'],
      left: 2,
    });
    expect((await next({ filter: { ...filter, upTo: '5' }, rate: 3 })).body).toMatchObject({
      done: ['4', '5'],
      left: 0,
    });
    await harness.settled();
    expect(booked).toHaveLength(5);
  });

  it('are replayed in steps, by one operator at a time, and cancelled', async () => {
    const [letter] = await die(...['a', 'b', 'c'].map((room) => ({ room, nights: 1 })));
    const asked = { subscription: 'hotel.desk', group: letter!.group, reason: 'rooms are free' };
    expect((await post('runs', { ...asked, reason: ' ' })).status).toBe(400);
    expect((await post('runs', { ...asked, group: 'none' })).status).toBe(404);
    const begun = await post('runs', { ...asked, rate: 2 });
    expect(begun).toMatchObject({
      status: 202,
      body: { id: '1', state: 'running', step: 1, steps: 4, total: 3, who: 'ada (claimed)' },
    });
    const second = await post('runs', asked, { 'x-operator': 'bob' });
    expect(second.status).toBe(409);
    expect((second.body as { message: string }).message).toMatch(/^ada \(claimed\) replays/);
    expect((await post('runs/1/cancel', { reason: 'not yet' })).status).toBe(200);
    expect((await post('runs/1/cancel', { reason: 'not yet' })).status).toBe(404);
    expect((await ask('dead-letters/runs')).body).toMatchObject({ runs: [{ state: 'cancelled' }] });
    expect((await ask('dead-letters/runs/1')).body).toMatchObject({
      outcome: expect.stringMatching(/^cancelled by ada \(claimed\): 0 of 3 handled/),
    });
    expect((await ask('dead-letters/runs/9')).status).toBe(404);
    await harness.advance('2s');
  });

  it('are touched by no web page, and by no request that cannot be read', async () => {
    await die({ room: 'a', nights: 1 });
    for (const action of ['replay', 'edit', 'discard'])
      expect((await post(`1/${action}`, {}, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await ask('dead-letters/1/replay', { method: 'POST', body: '{' })).status).toBe(400);
    expect((await post('1/replay', { reson: 'a typing error' })).status).toBe(400);
    expect((await post('runs', {}, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await post('1/burn', {})).status).toBe(404);
    expect((await post('1/replay/twice', {})).status).toBe(404);
    expect((await ask('dead-letters')).body).toMatchObject({ count: 1 });
  });
});

describe('a contract explained', () => {
  it('is told by each service as far as it has to do with it, without secrets', async () => {
    const harness = new Harness();
    const hotel = await harness.start('hotel', { controllers: [DeskController] });
    const service = new Service(
      'hotel',
      new Logger({ service: 'hotel', instance: 'h', level: 'fatal' }),
      { environment: readEnvironment({}) },
    );
    const operations = new Operations(service);
    operations.attach(hotel.app);
    const server = createServer(operations.receive).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ask = async (path: string) =>
      (
        await fetch(
          `http://127.0.0.1:${(server.address() as { port: number }).port}/operations/${path}`,
        )
      ).json() as Promise<object>;
    expect(await ask('explain/hotel.room-booked')).toMatchObject({
      service: 'hotel',
      contract: { kind: 'event', owner: 'hotel', version: 1, key: 'room' },
      says: { technology: 'memory', hops: [{ what: 'outbox' }, { what: 'log' }] },
      handlers: [
        {
          handler: 'DeskController.book',
          subscription: 'hotel.desk',
          concurrency: 10,
          from: 'beginning',
          live: false,
          timeout: 30_000,
          retry: { immediate: 0, delays: [] },
        },
      ],
    });
    expect(await ask('explain/hotel.nothing')).toMatchObject({ status: 404 });
    expect(await ask('status')).toMatchObject({
      routes: { event: { technology: 'memory', address: expect.not.stringContaining('@') } },
      handlers: [{ contract: 'hotel.room-booked' }],
    });
    server.close();
    await harness.close();
  });
});
