import { call } from '@parley/contract';
import { z } from 'zod';
import { CallError } from './call-error';
import { CallClient } from './call-client';
import {
  ReplyLostError,
  OwnerUnavailableError,
  type CallResult,
  type CallTransport,
} from '../ports/call-transport';
import { systemClock } from '../clock';
import { InvalidMessageError } from '../message/codec';
import { Envelopes } from '../message/envelope';

const GetLength = call('rulers.get-length', {
  request: z.object({ sku: z.string() }),
  reply: z.object({ metres: z.number() }),
});

/** A caller that gets these bytes as every reply. */
const answeredWith = (body: string) =>
  new CallClient(
    { call: async () => ({ ok: true, body: Buffer.from(body) }) } as never,
    new Envelopes({ service: 'shop', instance: 'shop-1', build: 'test' }, systemClock),
  );

describe('the asking side of a call', () => {
  it.each([
    ['is not what the contract promises', '{"metres":"7"}'],
    ['is no JSON', '<html>'],
    ['is too deep', '['.repeat(100)],
  ])('does not blame the request for a reply that %s', async (_what, body) => {
    const failure: unknown = await answeredWith(body)
      .call(GetLength, { sku: 'a' })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallError);
    expect(failure).toMatchObject({
      code: 'invalid-reply',
      message: expect.stringContaining('rulers.get-length'),
    });
  });

  it('refuses a request that breaks the contract before it leaves', async () => {
    await expect(answeredWith('{}').call(GetLength, { sku: 7 } as never)).rejects.toBeInstanceOf(
      InvalidMessageError,
    );
  });
});

const ReadLength = call('rulers.read-length', {
  request: z.object({ sku: z.string() }),
  reply: z.object({ metres: z.number() }),
  idempotent: true,
});
const reply = { ok: true, body: Buffer.from('{"metres":7}') } as const;
const fault = (code: string) => ({ ok: false, fault: { code, message: 'for a while' } }) as const;

/** A caller for whom each attempt ends as the list says, the last one for ever. */
const callerOf = (...ends: (Error | CallResult)[]) => callerOver({}, ...ends);

function callerOver(more: Pick<CallTransport, 'isMesh'>, ...ends: (Error | CallResult)[]) {
  let attempts = 0;
  const transport = {
    ...more,
    call: async () => {
      const end = ends[Math.min(attempts++, ends.length - 1)]!;
      if (end instanceof Error) throw end;
      return end;
    },
  };
  return {
    caller: new CallClient(
      transport as never,
      new Envelopes({ service: 'shop', instance: 'shop-1', build: 'test' }, systemClock),
    ),
    attempts: () => attempts,
  };
}

describe('a call whose first attempt fails', () => {
  const lost = new ReplyLostError(GetLength, 'connection reset');
  const away = new OwnerUnavailableError(GetLength, 'nobody there');

  it.each([
    ['the answer is lost', lost],
    ['no instance is reached', away],
    ['what the owner needs is away', fault('unavailable')],
    ['what the owner needs went away in the middle', fault('outcome-unknown')],
    ['the instance stops', fault('cancelled')],
  ])('is made again when it is idempotent and %s', async (_what, end) => {
    const { caller, attempts } = callerOf(end, reply);
    expect(await caller.call(ReadLength, { sku: 'a' })).toEqual({ metres: 7 });
    expect(attempts()).toBe(2);
  });

  it('is not made again when a mesh repeats it', async () => {
    const { caller, attempts } = callerOver({ isMesh: () => true }, away, reply);
    await expect(caller.call(ReadLength, { sku: 'a' })).rejects.toBe(away);
    expect(attempts()).toBe(1);
  });

  it.each([
    ['the answer is lost', lost, ReplyLostError],
    ['what the owner needs went away in the middle', fault('outcome-unknown'), ReplyLostError],
    ['the instance stops', fault('cancelled'), ReplyLostError],
    ['what the owner needs is away', fault('unavailable'), OwnerUnavailableError],
  ])('is not made again when it is not idempotent and %s', async (_what, end, error) => {
    const { caller, attempts } = callerOf(end, reply);
    await expect(caller.call(GetLength, { sku: 'a' })).rejects.toBeInstanceOf(error);
    expect(attempts()).toBe(1);
  });

  it('is made again under an idempotency key, and when it certainly never left', async () => {
    const keyed = callerOf(lost, reply);
    expect(await keyed.caller.call(GetLength, { sku: 'a' }, { idempotencyKey: 'k' })).toEqual({
      metres: 7,
    });
    const unreached = callerOf(away, reply);
    expect(await unreached.caller.call(GetLength, { sku: 'a' })).toEqual({ metres: 7 });
  });

  it('is never made again for an error of the contract, a bug or its own failure', async () => {
    for (const end of [
      fault('unhandled'),
      fault('unknown-sku'),
      new TypeError('of a client library'),
    ]) {
      const { caller, attempts } = callerOf(end, reply);
      const failure: unknown = await caller
        .call(ReadLength, { sku: 'a' })
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(end instanceof Error ? TypeError : CallError);
      expect(attempts()).toBe(1);
    }
  });

  it.each([
    ['nobody is reached', away],
    ['what the owner needs is away', fault('unavailable')],
  ])('may have taken effect although %s when it is made again', async (_what, end) => {
    for (const first of [lost, fault('outcome-unknown')]) {
      const { caller } = callerOf(first, end);
      await expect(
        caller.call(GetLength, { sku: 'a' }, { idempotencyKey: 'k', deadline: 2_000 }),
      ).rejects.toBeInstanceOf(ReplyLostError);
    }
  });

  it('ends before its deadline does, with what was last known', async () => {
    const { caller } = callerOf(lost);
    await expect(caller.call(ReadLength, { sku: 'a' }, { deadline: 150 })).rejects.toBeInstanceOf(
      ReplyLostError,
    );
  });
});
