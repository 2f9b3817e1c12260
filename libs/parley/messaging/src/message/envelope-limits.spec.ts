import { Controller, type Type } from '@nestjs/common';
import { call, command, event } from '@parley/contract';
import { Harness, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import type { Issue } from './issue';
import { inConversation } from './handler-context';
import { Envelopes, readEnvelope } from './envelope';
import { MAX_ENVELOPE_BYTES, refuseBeyondLimits } from './envelope-limits';
import { Handles } from '../handlers/handles';
import { headersOf } from './message';
import { Messaging } from '../messaging';
import { Messenger } from '../sending/messenger';

const Parcel = z.object({ parcel: z.string(), n: z.int().default(1) });
const Weigh = command('scales.weigh-parcel', Parcel, { key: 'parcel' });
const Weighed = event('scales.parcel-weighed', Parcel, { key: 'parcel' });
const Known = event(
  'scales.owner-told',
  z.object({ parcel: z.string(), owner: z.string(), name: z.string() }),
  {
    key: 'parcel',
    personal: { subject: 'owner', fields: { name: 'erased' } },
  },
);
const Ask = call('scales.ask-weight', { request: Parcel, reply: Parcel });

const PRODUCER = { service: 'scales', instance: 'scales-1', build: 'test' };
const writer = new Envelopes(PRODUCER, new VirtualClock());
const write = (parcel: string) => writer.write(Weigh, { parcel });

describe('what a sender writes around a payload', () => {
  it.each(['x'.repeat(1_024), '水'.repeat(1_024), '🚀'.repeat(512)])(
    'is what every reader takes, as long as it may be',
    (key) => {
      const envelope = inConversation(
        { correlationId: key, traceparent: writer.write(Weigh, { parcel: '' }).traceparent },
        () => write(key),
      );
      expect(readEnvelope(headersOf(envelope))).toMatchObject({
        partitionkey: key,
        correlationid: key,
      });
      expect(Buffer.byteLength(JSON.stringify(envelope))).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES);
    },
  );

  it.each<[string, () => unknown, Issue]>([
    [
      'a key of 1,025 characters',
      () => write('x'.repeat(1_025)),
      { path: 'parcel', message: 'names a lane, and is longer than 1024 characters' },
    ],
    [
      'half a character',
      () => write('a\ud83d'),
      { path: 'parcel', message: 'names a lane, and holds NUL or half of a surrogate pair' },
    ],
    [
      'a NUL',
      () => write('a\0'),
      { path: 'parcel', message: 'names a lane, and holds NUL or half of a surrogate pair' },
    ],
    [
      'a NUL in a correlation',
      () => inConversation({ correlationId: 'c\0', traceparent: '' }, () => write('k')),
      { path: 'correlationid', message: 'holds NUL or half of a surrogate pair' },
    ],
    [
      'a correlation',
      () => inConversation({ correlationId: 'c'.repeat(1_025), traceparent: '' }, () => write('k')),
      { path: 'correlationid', message: 'is longer than 1024 characters' },
    ],
    [
      'a cause',
      () =>
        inConversation({ correlationId: 'c', messageId: 'm'.repeat(1_025), traceparent: '' }, () =>
          write('k'),
        ),
      { path: 'causationid', message: 'is longer than 1024 characters' },
    ],
    [
      'all of it',
      () =>
        inConversation({ correlationId: '\u0001'.repeat(700), traceparent: '' }, () =>
          write('\u0001'.repeat(700)),
        ),
      {
        path: 'envelope',
        message: expect.stringMatching(/^takes \d+ bytes, more than 8192/) as string,
      },
    ],
  ])('is refused by name beyond it: %s', (_, run, issue) => {
    expect(run).toThrow(expect.objectContaining({ name: 'InvalidMessageError', issues: [issue] }));
  });

  it('takes 8,192 bytes at most, all of it together', () => {
    const text = '\u0001'.repeat(600);
    const envelope = { ...write(text), correlationid: text, producerbuild: '' };
    const bytes = Buffer.byteLength(JSON.stringify(envelope));
    const taking = (most: number) => () =>
      refuseBeyondLimits(Weigh, { ...envelope, producerbuild: 'b'.repeat(most - bytes) });
    expect(taking(8_192)).not.toThrow();
    expect(taking(8_193)).toThrow('envelope takes 8193 bytes, more than 8192; shorten its key');
  });

  it.each([
    ['service', 40],
    ['instance', 200],
    ['build', 200],
  ] as const)('needs names that can be written: the %s', (what, most) => {
    expect(
      () => new Envelopes({ ...PRODUCER, [what]: 'n'.repeat(most + 1) }, new VirtualClock()),
    ).toThrow(`the name of the ${what} has ${most + 1} characters`);
    expect(
      () => new Envelopes({ ...PRODUCER, [what]: 'n'.repeat(most) }, new VirtualClock()),
    ).not.toThrow();
  });
});

describe('a key that no reader would take', () => {
  const handled: string[] = [];
  @Controller()
  class Scales {
    @Handles(Weigh)
    async weigh({ parcel }: { parcel: string }) {
      handled.push(parcel);
    }
    @Handles(Ask)
    ask({ parcel }: { parcel: string }) {
      return { parcel };
    }
  }

  it.each([1_025, 70_000])(
    'of %i characters is refused at the call, in a transaction, too, and nothing is stored',
    async (length) => {
      const harness = new Harness();
      const service = await harness.start('scales', { controllers: [Scales as Type] });
      const messenger = service.get(Messenger);
      const long = { parcel: 'k'.repeat(length) };
      const refusal = { name: 'InvalidMessageError', issues: [{ path: 'parcel' }] };
      await expect(messenger.send(Weigh, long)).rejects.toMatchObject(refusal);
      await expect(messenger.publish(Weighed, long)).rejects.toMatchObject(refusal);
      await service
        .get(Messaging)
        .transactions.run(() => expect(messenger.send(Weigh, long)).rejects.toMatchObject(refusal));
      expect(await messenger.call(Ask, long)).toMatchObject(long); // a call has no lane
      expect([harness.sent(Weigh), harness.sent(Weighed)]).toEqual([[], []]);
      await messenger.send(Weigh, { parcel: 'k'.repeat(1_024) });
      await harness.settled();
      expect(handled.splice(0)).toEqual(['k'.repeat(1_024)]);
      await harness.close();
    },
  );

  it('is not alone: subjects are looked up, too', async () => {
    const harness = new Harness();
    const messenger = (await harness.start('scales', { controllers: [Scales as Type] })).get(
      Messenger,
    );
    const known = (length: number) =>
      messenger.publish(Known, { parcel: 'a', owner: '水'.repeat(length), name: 'Ada' });
    await expect(known(801)).rejects.toMatchObject({
      name: 'InvalidMessageError',
      issues: [{ path: 'owner', message: 'names a person, and is longer than 800 characters' }],
    });
    await known(800);
    expect(harness.sent(Known)).toHaveLength(1);
    await harness.close();
  });

  it('is not alone: keys of idempotency and spans have bounds that are told', async () => {
    const harness = new Harness();
    const messenger = (await harness.start('scales', { controllers: [Scales as Type] })).get(
      Messenger,
    );
    const invalid = (path: string) => ({ name: 'InvalidMessageError', issues: [{ path }] });
    for (const idempotencyKey of ['', '  ', 'k'.repeat(201)]) {
      await expect(
        messenger.send(Weigh, { parcel: 'a' }, { idempotencyKey }),
      ).rejects.toMatchObject(invalid('idempotencykey'));
      await expect(messenger.call(Ask, { parcel: 'a' }, { idempotencyKey })).rejects.toMatchObject(
        invalid('idempotencykey'),
      );
    }
    await expect(messenger.send(Weigh, { parcel: 'a' }, { expires: 0 })).rejects.toMatchObject(
      invalid('expires'),
    );
    await expect(messenger.send(Weigh, { parcel: 'a' }, { expires: 1e18 })).rejects.toThrow(
      /longer than 100 years/,
    );
    await expect(messenger.send(Weigh, { parcel: 'a' }, { delay: 1e18 })).rejects.toThrow(
      /longer than 100 years/,
    );
    await harness.close();
  });
});
