import { Controller } from '@nestjs/common';
import { breaksOf, command, event, milliseconds, schemaOf, type Message } from '@parley/contract';
import { MemoryBroker } from '@parley/memory';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { DeadLetterService } from '../dead-letters/dead-letter-service';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';
import type { OutgoingMessage } from '../message/message';

const Ticket = z.object({
  ticketId: z.string(),
  seats: z.int(),
  card: z.object({ token: z.string() }),
});
const secret = { fields: { 'card.token': 'expired' }, life: '1d' as const };
const Sold = event('theatre.ticket-sold', Ticket, { key: 'ticketId', secret });
const Charge = command('theatre.charge-ticket', Ticket, { key: 'ticketId', secret });
type Ticket = Message<typeof Sold>;

const TOKEN = 'tok_4242_and_more';
const TICKET: Ticket = { ticketId: 't-1', seats: 2, card: { token: TOKEN } };

let harness: Harness;
let wire: OutgoingMessage[];
let seen: string[];

beforeEach(() => {
  harness = new Harness();
  [wire, seen] = [[], []];
  (harness as unknown as { broker: MemoryBroker }).broker.witnesses.add((message) =>
    wire.push(message),
  );
});
afterEach(() => harness.close());

@Controller()
@Subscription('desk')
class Desk {
  @Handles(Sold, { retry: { immediate: 0, delays: [] } })
  async sold({ seats, card }: Ticket) {
    if (seats < 0) throw new Error(`${card.token} was refused for ${seats} seats`);
    seen.push(`sold ${card.token}`);
  }

  @Handles(Charge, { retry: { immediate: 0, delays: [] } })
  async charge({ seats, card }: Ticket) {
    if (seats < 0) throw new Error(`${card.token} was refused for ${seats} seats`);
    seen.push(`charged ${card.token}`);
  }
}

const start = () => harness.start('theatre', { controllers: [Desk] });
const deskOf = (service: TestService) =>
  new DeadLetterService(
    service.store.lanes.deadLetters,
    service.get(Messaging).registry,
    harness.clock,
    service.get(Messaging).payloads,
    'theatre',
  );

describe('secret fields', () => {
  it('are nowhere to be read between who says them and who handles them', async () => {
    await start();
    await harness.publish(Sold, TICKET);
    await harness.send(Charge, TICKET);
    await harness.settled();
    expect(wire.map(({ body }) => body.toString())).toEqual([
      expect.stringMatching(/"token":"sealed:v1:card.token:/),
      expect.stringMatching(/"token":"sealed:v1:card.token:/),
    ]);
    expect(wire.map(({ body }) => body.toString()).join()).not.toContain(TOKEN);
    expect(seen.sort()).toEqual([`charged ${TOKEN}`, `sold ${TOKEN}`]);
  });

  it('are read for their life at least, whenever they were said', async () => {
    const keys = harness.subjectKeys;
    const life = milliseconds('1d');
    const first = await keys.current(life);
    await harness.advance('23h');
    expect(await keys.current(life)).toEqual(first);
    await harness.advance('1h');
    expect((await keys.current(life)).id).not.toBe(first.id);
    expect(keys.peek(first.id)).toEqual(first);
    await harness.advance('1d');
    expect(keys.peek(first.id)).toEqual({ id: first.id });
  });

  it('are what the contract declares, once their key is gone, for an event; a command dies and says why', async () => {
    await harness.publish(Sold, TICKET);
    await harness.send(Charge, TICKET);
    await harness.settled();
    await harness.advance('49h');
    const theatre = await start();
    await harness.settled();
    expect(seen).toEqual(['sold expired']);
    const [letter] = await theatre.store.lanes.deadLetters.list();
    expect(letter!.failure.message + letter!.failure.stack).toContain(
      'the secret card.token has expired, its key is destroyed',
    );
  });

  it('stay out of the evidence of a failure, and of what people see of a dead letter', async () => {
    const theatre = await start();
    await harness.publish(Sold, { ...TICKET, seats: -1 });
    await harness.settled();
    const desk = deskOf(theatre);
    const [letter] = await desk.list({});
    expect(letter!.failure.message).toBe('… was refused for -1 seats');
    expect(JSON.parse(String(letter!.body))).toEqual({
      ...TICKET,
      seats: -1,
      card: { token: 'expired' },
    });
    const found = await desk.find(letter!.id);
    expect(JSON.stringify([found, String(found!.letter.body)])).not.toContain(TOKEN);
    expect(found!.preview.expect).toBe('handled');
  });

  it('stay what they were in a letter that is edited, unless another one is given', async () => {
    const theatre = await start();
    for (const ticketId of ['t-1', 't-2'])
      await harness.publish(Sold, { ...TICKET, ticketId, seats: -1 });
    await harness.settled();
    const [first, second] = await theatre.store.lanes.deadLetters.list();
    const edit = (id: string, token: string, ticketId: string) =>
      deskOf(theatre).edit(
        id,
        Buffer.from(JSON.stringify({ ticketId, seats: 3, card: { token } })),
        { who: 'ann' },
      );
    await edit(first!.id, 'expired', 't-1');
    await edit(second!.id, 'tok_new', 't-2');
    const bytes = JSON.stringify(
      [
        await theatre.store.lanes.deadLetters.list(),
        await theatre.store.lanes.deadLetters.audit(),
      ].map((rows) => rows.map((row) => Object.values(row).map(String))),
    );
    expect(bytes).not.toMatch(/tok_4242|tok_new/);
    for (const { id } of [first!, second!]) await theatre.store.lanes.deadLetters.replay(id);
    await harness.settled();
    expect(seen).toEqual([`sold ${TOKEN}`, 'sold tok_new']);
  });

  it('are masked where they were said in plain, before the contract called them secret', async () => {
    const theatre = await start();
    await harness.publish(Sold, { ...TICKET, seats: -1 });
    await harness.settled();
    const [letter] = await theatre.store.lanes.deadLetters.list();
    await theatre.store.lanes.deadLetters.edit(
      letter!.id,
      Buffer.from(JSON.stringify({ ...TICKET, seats: -2 })),
      { who: 'an older version' },
    );
    expect(String((await deskOf(theatre).list({}))[0]!.body)).not.toContain(TOKEN);
    expect(String((await deskOf(theatre).find(letter!.id))!.letter.body)).not.toContain(TOKEN);
  });

  it('are refused where they cannot be one', () => {
    const define =
      (fields: object, life: never, options: object = {}) =>
      () =>
        event('theatre.nothing', Ticket, { key: 'ticketId', ...options, secret: { fields, life } });
    expect(define({ 'card.pin': 'x' }, '1d' as never)).toThrow(
      'secret field "card.pin" is no field of its payload',
    );
    expect(define({ 'card.token': 7 }, '1d' as never)).toThrow(
      'card.token once erased is not what its schema takes',
    );
    expect(define({ ticketId: 'x' }, '1d' as never)).toThrow(
      'ticketId names the subject or the lane, so it cannot be secret',
    );
    expect(define({ 'card.token': 'x' }, '5m' as never)).toThrow(
      'secrets live for 5m; take 1h to 30d',
    );
    expect(define({}, '1d' as never)).toThrow('secret names no fields');
    expect(
      define({ 'card.token': 'x' }, '1d' as never, {
        personal: { subject: 'ticketId', fields: { card: { token: 'erased' } } },
      }),
    ).toThrow('card.token is both personal and secret');
  });

  it('are a new version for who reads them with an older build, and none for what was said before', () => {
    const { secret: _, ...before } = schemaOf(Sold);
    expect(breaksOf(before, schemaOf(Sold))).toEqual([
      {
        field: 'secret.card.token',
        breaks: 'old readers',
        what: 'is secret now: they find it encrypted',
      },
    ]);
    expect(breaksOf(schemaOf(Sold), before)).toEqual([
      {
        field: 'secret.card.token',
        breaks: 'old messages',
        what: 'is secret no longer: in them it is encrypted',
      },
    ]);
  });
});
