import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { event, type Message } from '@parley/contract';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { DeadLetterService } from './dead-letter-service';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';

const Booked = event(
  'hotel.room-booked',
  z.object({ bookingId: z.string(), guest: z.string(), nights: z.int() }),
  {
    key: 'bookingId',
    personal: { subject: 'bookingId', fields: { guest: 'erased' } },
  },
);

/** Its version 1 said days, which are one more than nights, or nothing of them. */
const Moved = event(
  'hotel.guest-moved',
  z.object({ bookingId: z.string(), guest: z.string(), nights: z.int() }),
  {
    key: 'bookingId',
    personal: { subject: 'bookingId', fields: { guest: 'erased' } },
    version: 2,
    upcasts: {
      1: ({ days = 0, ...rest }: { bookingId: string; guest: string; days?: number }) => ({
        ...rest,
        nights: days - 1,
      }),
    },
  },
);

describe('the letters of a person', () => {
  let harness: Harness;
  let guests: string[];

  beforeEach(() => void (harness = new Harness()));
  afterEach(() => harness.close());

  @Controller()
  @Subscription('bell')
  class Bell {
    @Handles(Booked, { retry: { immediate: 0, delays: [] } })
    async ring({ guest, nights }: Message<typeof Booked>) {
      if (nights < 0) throw new Error(`${guest} cannot stay ${nights} nights`);
      guests.push(guest);
    }

    @Handles(Moved, { retry: { immediate: 0, delays: [] } })
    async carry({ guest, nights }: Message<typeof Moved>) {
      if (nights < 0) throw new Error(`${guest} cannot stay ${nights} nights`);
      guests.push(`${guest} for ${nights}`);
    }
  }

  const desk = (service: TestService) =>
    new DeadLetterService(
      service.store.lanes.deadLetters,
      service.get(Messaging).registry,
      harness.clock,
      service.get(Messaging).payloads,
      'hotel',
    );

  async function died(): Promise<{ readonly hotel: TestService; readonly id: string }> {
    guests = [];
    const hotel = await harness.start('hotel', { controllers: [Bell] });
    await harness.publish(Booked, { bookingId: 'b-1', guest: 'Ada Lovelace', nights: -1 });
    await harness.settled();
    const [letter] = await hotel.store.lanes.deadLetters.list();
    return { hotel, id: letter!.id };
  }

  it('are shown without the person, kept encrypted, and edited so, with what was before', async () => {
    const { hotel, id } = await died();
    const shown = [(await desk(hotel).find(id))!.letter, ...(await desk(hotel).list({}))];
    expect(shown.map(({ body }) => JSON.parse(String(body)) as object)).toEqual(
      Array(2).fill({ bookingId: 'b-1', guest: 'erased', nights: -1 }),
    );
    await desk(hotel).edit(id, Buffer.from('{"bookingId":"b-1","guest":"Ada King","nights":2}'), {
      who: 'ann',
    });
    const [kept] = await hotel.store.lanes.deadLetters.list();
    const [entry] = await hotel.store.lanes.deadLetters.audit();
    for (const bytes of [
      kept!.body,
      entry!.before!,
      entry!.after!,
      Buffer.from(JSON.stringify(kept!.failure)),
    ])
      expect(bytes.toString()).not.toContain('Ada');
    await hotel.store.lanes.deadLetters.replay(id);
    await harness.settled();
    expect(guests).toEqual(['Ada King']);
  });

  it('stay of that person when an edit leaves alone what it was not shown', async () => {
    const { hotel, id } = await died();
    await desk(hotel).edit(id, Buffer.from('{"bookingId":"b-1","guest":"erased","nights":2}'), {
      who: 'ann',
      replay: true,
    });
    await harness.settled();
    expect(guests).toEqual(['Ada Lovelace']);
  });

  it('are not kept when an edit is refused', async () => {
    const { hotel, id } = await died();
    const edit = desk(hotel).edit(
      id,
      Buffer.from('{"bookingId":"b-1","gues":"Ada King","nights":2}'),
      { who: 'ann' },
    );
    await expect(edit).rejects.toThrow(/guest/);
    const [entry] = await hotel.store.lanes.deadLetters.audit();
    expect(entry).toMatchObject({
      who: 'ann',
      outcome: expect.stringContaining('guest') as string,
    });
    expect(entry!.after).toBeUndefined();
    expect(String(entry!.before)).not.toContain('Ada');
  });

  it('lose, when they are edited, what their contract does not know: it could hold anything', async () => {
    const { hotel, id } = await died();
    const { lanes } = hotel.store;
    const [letter] = await lanes.deadLetters.list();
    await lanes.deadLetters.discard(id, { who: 'ann' });
    const noted = (body: object) =>
      Buffer.from(JSON.stringify({ ...body, note: 'a friend of Ada' }));
    const sent = JSON.parse(String(letter!.body)) as object;
    await lanes.deadLetter(undefined, { ...letter!, body: noted(sent) }, letter!.failure, true);
    const [newer] = await lanes.deadLetters.list();
    const edited = noted({ bookingId: 'b-1', guest: 'Ada King', nights: 2 });
    expect(await desk(hotel).edit(newer!.id, edited, { who: 'ann' })).toBe('done');
    const [kept] = await lanes.deadLetters.list();
    expect(Object.keys(JSON.parse(String(kept!.body)) as object)).not.toContain('note');
    expect(String(kept!.body)).not.toContain('Ada');
  });

  it('are edited as the version that they were said under', async () => {
    const { hotel, id } = await died();
    const { lanes } = hotel.store;
    const [letter] = await lanes.deadLetters.list();
    await lanes.deadLetters.discard(id, { who: 'ann' });
    const headers = { ...letter!.headers, type: Moved.name, contractversion: '1' };
    const body = Buffer.from('{"bookingId":"b-1","guest":"Ada"}');
    await lanes.deadLetter(undefined, { ...letter!, headers, body }, letter!.failure, true);
    const [older] = await lanes.deadLetters.list();
    const edited = Buffer.from('{"bookingId":"b-1","guest":"Ada King","days":3}');
    expect(await desk(hotel).edit(older!.id, edited, { who: 'ann', replay: true })).toBe('done');
    await harness.settled();
    expect(guests).toEqual(['Ada King for 2']);
  });

  it('are shown without the person, and can be edited, also where nobody can decrypt them', async () => {
    const { hotel, id } = await died();
    const { lanes } = hotel.store;
    const [letter] = await lanes.deadLetters.list();
    await lanes.deadLetters.discard(id, { who: 'ann' });
    const headers = { ...letter!.headers, id: randomUUID() }; // what was encrypted for another one
    await lanes.deadLetter(undefined, { ...letter!, headers }, letter!.failure, true);
    const [copied] = await lanes.deadLetters.list();
    expect(JSON.parse(String((await desk(hotel).find(copied!.id))!.letter.body))).toEqual({
      bookingId: 'b-1',
      guest: 'erased',
      nights: -1,
    });
    const edited = Buffer.from('{"bookingId":"b-1","guest":"Ada King","nights":2}');
    expect(await desk(hotel).edit(copied!.id, edited, { who: 'ann', replay: true })).toBe('done');
    await harness.settled();
    expect(guests).toEqual(['Ada King']);
  });

  it('are shown without the person once that was erased, and cannot be given one again', async () => {
    const { hotel, id } = await died();
    await harness.subjectKeys.erase('b-1', { who: 'ann' });
    await harness.advance('60s');
    expect(JSON.parse(String((await desk(hotel).find(id))!.letter.body))).toEqual({
      bookingId: 'b-1',
      guest: 'erased',
      nights: -1,
    });
    await desk(hotel).edit(id, Buffer.from('{"bookingId":"b-1","guest":"Ada King","nights":2}'), {
      who: 'ann',
      replay: true,
    });
    await harness.settled();
    expect(guests).toEqual(['erased']);
  });
});
