import { Controller, type Type } from '@nestjs/common';
import { event, type Message } from '@parley/contract';
import { MemoryBroker } from '@parley/memory';
import { Harness } from '@parley/testing';
import { z } from 'zod';
import { KEY_LIFETIME_MS } from './subject-key-cache';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import type { OutgoingMessage } from '../message/message';

const Address = z.object({ line1: z.string(), country: z.string().length(2) });
const Enrolled = event(
  'school.pupil-enrolled',
  z.object({
    pupilId: z.string(),
    grade: z.number(),
    name: z.string(),
    email: z.email().optional(),
    address: Address.optional(),
  }),
  {
    key: 'pupilId',
    personal: {
      subject: 'pupilId',
      fields: {
        name: 'erased',
        email: 'erased@invalid.example',
        address: { line1: 'erased', country: 'XX' },
      },
    },
  },
);
type Enrolled = Message<typeof Enrolled>;

const ADA: Enrolled = {
  pupilId: 'p-1',
  grade: 3,
  name: 'Ada Lovelace',
  email: 'ada@analytical.test',
  address: { line1: '12 St James Square', country: 'GB' },
};
const GONE: Enrolled = {
  pupilId: 'p-1',
  grade: 3,
  name: 'erased',
  email: 'erased@invalid.example',
  address: { line1: 'erased', country: 'XX' },
};

let harness: Harness;
let wire: OutgoingMessage[];

beforeEach(() => {
  harness = new Harness();
  wire = [];
  brokerOf(harness).witnesses.add((message) => wire.push(message));
});
afterEach(() => harness.close());

const brokerOf = (of: Harness): MemoryBroker => (of as unknown as { broker: MemoryBroker }).broker;

/** A subscription that records its messages; the first `failing` handlings throw. */
function listener(
  name: string,
  failing = 0,
  complaint = (pupil: Enrolled) => `no place for ${pupil.name}`,
) {
  const seen: Enrolled[] = [];
  @Controller()
  @Subscription(name)
  class Listener {
    @Handles(Enrolled, { retry: { immediate: 0, delays: [] } })
    async enrolled(pupil: Enrolled) {
      if (failing-- > 0) throw new Error(complaint(pupil));
      seen.push(structuredClone(pupil));
      pupil.name = 'spoilt by the handler';
    }
  }
  return { seen, controller: Listener as Type };
}

const startWith = (...controllers: Type[]) => harness.start('office', { controllers });

describe('personal fields', () => {
  it('are nowhere to be read between who says them and who handles them', async () => {
    const { seen, controller } = listener('list');
    await startWith(controller);
    await harness.publish(Enrolled, ADA);
    await harness.settled();
    const [{ body }] = wire as [OutgoingMessage];
    expect(body.toString()).not.toMatch(/Ada|Lovelace|analytical|James/);
    expect(JSON.parse(body.toString())).toMatchObject({
      pupilId: 'p-1',
      grade: 3,
      name: expect.stringMatching(/^sealed:v1:name:[\w-]+$/) as string,
    });
    expect(seen).toEqual([ADA]);
  });

  it('are another text each time, also for the same value', async () => {
    await harness.publish(Enrolled, ADA);
    await harness.publish(Enrolled, ADA);
    const [first, second] = wire.map(({ body }) => (JSON.parse(body.toString()) as Enrolled).name);
    expect(first).not.toBe(second);
  });

  it('stay away where they were not given', async () => {
    const { seen, controller } = listener('list');
    await startWith(controller);
    await harness.publish(Enrolled, { pupilId: 'p-1', grade: 1, name: 'Ada' });
    await harness.settled();
    expect(seen).toEqual([{ pupilId: 'p-1', grade: 1, name: 'Ada' }]);
  });

  it('give way to what the contract says once their subject was erased: for a subscription that begins anew', async () => {
    const first = listener('first');
    await startWith(first.controller);
    await harness.publish(Enrolled, ADA);
    await harness.settled();
    await harness.subjectKeys.erase('p-1', { who: 'ann' });
    await harness.advance(`${KEY_LIFETIME_MS}ms`);
    const second = listener('second');
    await harness.start('archive', { controllers: [second.controller] });
    await harness.settled();
    expect(first.seen).toEqual([ADA]);
    expect(second.seen).toEqual([GONE]);
  });

  it('of an erased subject are not said again: it does not get a second key', async () => {
    const { seen, controller } = listener('list');
    await startWith(controller);
    await harness.publish(Enrolled, ADA);
    await harness.settled();
    await harness.subjectKeys.erase('p-1', { who: 'ann' });
    await harness.advance(`${KEY_LIFETIME_MS - 1}ms`);
    await harness.publish(Enrolled, ADA); // processes that know the key may go on using it for so long
    await harness.settled();
    await harness.advance('1ms');
    await harness.publish(Enrolled, { ...ADA, name: 'Ada King' });
    await harness.settled();
    expect(JSON.parse(wire[2]!.body.toString())).toEqual(GONE);
    expect(seen).toEqual([ADA, ADA, GONE]);
  });

  it('are read as they are when another program wrote them so', async () => {
    const { seen, controller } = listener('list');
    await startWith(controller);
    await harness.publish(Enrolled, ADA);
    const { envelope } = wire[0]!;
    brokerOf(harness).publish({
      contract: Enrolled,
      envelope: { ...envelope, id: '00000000-0000-4000-8000-000000000001' },
      body: Buffer.from(JSON.stringify(ADA)),
    });
    await harness.settled();
    expect(seen).toEqual([ADA, ADA]);
  });

  it('cannot be taken for those of another message', async () => {
    const { seen, controller } = listener('list');
    await startWith(controller);
    await harness.publish(Enrolled, ADA);
    const { envelope, body } = wire[0]!;
    brokerOf(harness).publish({
      contract: Enrolled,
      envelope: { ...envelope, id: '00000000-0000-4000-8000-000000000002' },
      body,
    });
    await harness.settled();
    expect(seen).toEqual([ADA]);
    expect(await harness.deadLetters()).toMatchObject([
      {
        failure: {
          error: 'InvalidMessageError',
          message: expect.stringContaining('name is not what was encrypted') as string,
        },
        holds: false,
      },
    ]);
  });

  it('are not in a dead letter, nor in the words of its failure', async () => {
    const { controller } = listener(
      'list',
      1,
      ({ name, address }) => `${name} of ${address!.line1} is too late`,
    );
    await startWith(controller);
    await harness.publish(Enrolled, ADA);
    await harness.settled();
    const [letter] = await harness.deadLetters();
    expect(letter!.body.toString()).not.toMatch(/Ada|James/);
    expect(letter!.failure).toMatchObject({ error: 'Error', message: '… of … is too late' });
    expect(letter!.failure.stack).not.toMatch(/Ada|James/);
  });

  it('are erased from a dead letter that is replayed afterwards', async () => {
    const { seen, controller } = listener('list', 1);
    const { store } = await startWith(controller);
    await harness.publish(Enrolled, ADA);
    await harness.settled();
    const [letter] = await harness.deadLetters();
    await harness.subjectKeys.erase('p-1', { who: 'ann' });
    await harness.advance(`${KEY_LIFETIME_MS}ms`);
    await store.lanes.deadLetters.replay(letter!.id);
    await harness.settled();
    expect(seen).toEqual([GONE]);
  });

  it('cost one request for many new subjects, and none for known ones', async () => {
    const { seen, controller } = listener('list');
    await startWith(controller);
    const publishAll = () =>
      Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          harness.publish(Enrolled, { ...ADA, pupilId: `p-${n}` }),
        ),
      );
    await publishAll();
    await harness.settled();
    const afterFirst = harness.subjectKeys.asked;
    await publishAll();
    await harness.settled();
    expect(seen).toHaveLength(100);
    expect(afterFirst).toBeLessThanOrEqual(10); // one to send them; ten at a time are handled
    expect(harness.subjectKeys.asked).toBe(afterFirst);
  });
});
