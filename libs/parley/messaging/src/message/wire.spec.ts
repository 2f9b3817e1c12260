import { Controller, type Type } from '@nestjs/common';
import { call, command, event, wire, type Message } from '@parley/contract';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { CallError } from '../calls/call-error';
import { InvalidMessageError } from './codec';
import type { CallContext } from './handler-context';
import { DeadLetterService } from '../dead-letters/dead-letter-service';
import { Handles } from '../handlers/handles';
import { KEY_LIFETIME_MS } from '../payload/subject-key-cache';
import { Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';
import { Messenger } from '../sending/messenger';

const Reading = z.object({
  meter: z.string(),
  at: wire.date(),
  total: wire.bigint(),
  price: wire.decimal(2),
  unit: z.string().default('kWh'),
});
const Store = command('utility.store-reading', Reading, { key: 'meter' });
const Told = event(
  'utility.reading-told',
  z.object({ customer: z.string(), born: wire.date(), debt: wire.decimal(2) }),
  {
    key: 'customer',
    personal: { subject: 'customer', fields: { born: new Date(0), debt: 0n } },
  },
);
const Newer = event(
  'utility.price-changed',
  z.object({ area: z.string(), price: wire.decimal(2), since: wire.date() }),
  {
    key: 'area',
    version: 2,
    upcasts: {
      1: ({ area, cents }: { area: string; cents: number }) => ({
        area,
        price: BigInt(cents),
        since: new Date(0),
      }),
    },
  },
);
const Quote = call('utility.quote-reading', {
  request: Reading,
  reply: z.object({ at: wire.date(), due: wire.decimal(2), currency: z.string().default('EUR') }),
  errors: { late: z.object({ since: wire.date() }) },
});
const Loose = command('utility.note-anything', z.object({ note: z.unknown() }));
const Lax = call('utility.ask-anything', {
  request: z.object({}),
  reply: z.object({ note: z.unknown() }),
});

const READING = {
  meter: 'm-1',
  at: new Date('2026-01-31T12:00:00.007Z'),
  total: 2n ** 80n,
  price: 123_456n,
};
const AS_HANDLED = { ...READING, unit: 'kWh' };

let harness: Harness;
let seen: unknown[];
let failing: number;
beforeEach(() => {
  [harness, seen, failing] = [new Harness(), [], 0];
});
afterEach(() => harness.close());

function note(message: object): void {
  seen.push({ ...message });
  if (failing-- > 0) throw new Error('not yet');
}

@Controller()
@Subscription('book')
class Book {
  @Handles(Store, { retry: { immediate: 1, delays: [] } })
  async store(reading: Message<typeof Store>) {
    note(reading);
    reading.at = new Date(0); // its own, not the next try's
  }

  @Handles(Told, { retry: { immediate: 0, delays: [] } })
  async reported(reported: Message<typeof Told>) {
    note(reported);
  }

  @Handles(Newer)
  async priced(price: Message<typeof Newer>) {
    note(price);
  }

  @Handles(Quote)
  async quote({ at, price }: Message<typeof Quote>, { transaction }: CallContext) {
    note({ at, price });
    if (price < 0n) throw new CallError(Quote, 'late', { since: at });
    return transaction(async () => ({ at, due: price * 2n }));
  }

  @Handles(Lax)
  ask() {
    return { note: new Map() };
  }
}

const start = (service = 'utility') => harness.start(service, { controllers: [Book as Type] });
const messengerOf = (service: TestService) => service.get(Messenger);

describe('dates, big integers and decimals', () => {
  it('are values in handlers, again in each try, and text on the way', async () => {
    await start();
    failing = 1;
    await harness.send(Store, READING);
    await harness.settled();
    expect(seen).toEqual([AS_HANDLED, AS_HANDLED]);
    expect(harness.sent(Store)).toEqual([AS_HANDLED]);
  });

  it('are values at both ends of a call, in its answer and in its errors', async () => {
    const service = await start();
    expect(await harness.call(Quote, READING)).toEqual({
      at: READING.at,
      due: 246_912n,
      currency: 'EUR',
    });
    await expect(harness.call(Quote, { ...READING, price: -1n })).rejects.toMatchObject({
      code: 'late',
      details: { since: READING.at },
    });
    const again = () => messengerOf(service).call(Quote, READING, { idempotencyKey: 'one' });
    expect([await again(), await again()]).toEqual(
      [1, 2].map(() => ({ at: READING.at, due: 246_912n, currency: 'EUR' })),
    );
    expect(seen).toHaveLength(3);
  });

  it('are encrypted as they travel, and give way to their declared values once their subject was erased', async () => {
    await start();
    const born = new Date('1990-05-05T00:00:00Z');
    await harness.publish(Told, { customer: 'c-1', born, debt: 5n });
    await harness.settled();
    await harness.subjectKeys.erase('c-1', { who: 'ann' });
    await harness.advance(KEY_LIFETIME_MS + 1);
    await harness.publish(Told, { customer: 'c-1', born, debt: 6n });
    await harness.settled();
    expect(seen).toEqual([
      { customer: 'c-1', born, debt: 5n },
      { customer: 'c-1', born: new Date(0), debt: 0n },
    ]);
  });

  it('are what an upcast makes of older messages', async () => {
    await start();
    await harness.publish(Newer, { area: 'north', price: 1n, since: new Date(1) });
    const [sent] = harness['messages'];
    const service = await start();
    const old = {
      ...sent!,
      contract: Newer,
      envelope: {
        ...sent!.envelope,
        id: '00000000-0000-4000-8000-000000000001',
        contractversion: '1',
      },
      body: Buffer.from('{"area":"north","cents":250}'),
    };
    await service.get(Messaging)['parts'].publisher.now([old]);
    await harness.settled();
    expect(seen).toContainEqual({ area: 'north', price: 250n, since: new Date(0) });
  });

  it('are shown and edited as text in a dead letter', async () => {
    const service = await start();
    failing = 2;
    await harness.send(Store, READING);
    await harness.publish(Told, { customer: 'c-2', born: new Date(5), debt: 5n });
    await harness.settled();
    const { deadLetters } = service.store.lanes;
    const desk = new DeadLetterService(
      deadLetters,
      service.get(Messaging).registry,
      harness.clock,
      service.get(Messaging).payloads,
      'utility',
    );
    const [letter] = await deadLetters.list();
    const body = JSON.parse(String((await desk.find(letter!.id))!.letter.body)) as object;
    expect(body).toEqual({
      ...AS_HANDLED,
      at: '2026-01-31T12:00:00.007Z',
      total: String(2n ** 80n),
      price: '1234.56',
    });
    await expect(
      desk.edit(letter!.id, Buffer.from(JSON.stringify({ ...body, price: 5 })), { who: 'ann' }),
    ).rejects.toThrow(/price/);
    expect(
      await desk.edit(letter!.id, Buffer.from(JSON.stringify({ ...body, price: '0.07' })), {
        who: 'ann',
        replay: true,
      }),
    ).toBe('done');
    await harness.settled();
    expect(seen.at(-1)).toEqual({ ...AS_HANDLED, price: 7n });
  });
});

describe('what would arrive as something else', () => {
  it('is refused at the call, in a transaction, too, and nothing is stored', async () => {
    const service = await start();
    const messenger = messengerOf(service);
    const odd = { note: { at: new Date() } };
    const refusal = {
      name: 'InvalidMessageError',
      issues: [{ path: 'note.at', message: 'is a Date, and would arrive as a string' }],
    };
    await expect(messenger.send(Loose, odd)).rejects.toMatchObject(refusal);
    await expect(messenger.outside.send(Loose, odd)).rejects.toThrow(InvalidMessageError);
    await service.get(Messaging).transactions.run(async () => {
      await expect(messenger.send(Loose, odd)).rejects.toMatchObject(refusal);
    });
    expect(harness.sent(Loose)).toEqual([]);
  });

  it('is a mistake of the owner in a reply, and told with its path', async () => {
    await start();
    await expect(harness.call(Lax, {})).rejects.toThrow(/invalid-reply/);
    await expect(harness.call(Lax, {})).rejects.toThrow(
      /note is a Map, and would arrive as a Object/,
    );
  });
});
