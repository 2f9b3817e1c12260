import { call } from '@parley/contract';
import { z } from 'zod';
import { CallError } from './call-error';
import { Caller } from './caller';
import { systemClock } from './clock';
import { InvalidMessage } from './codec';
import { Envelopes } from './envelope';

const GetLength = call('rulers.get-length', { request: z.object({ sku: z.string() }), reply: z.object({ metres: z.number() }) });

/** A caller whose owner answers with these bytes. */
const answeredWith = (body: string) =>
  new Caller({ call: async () => ({ ok: true, body: Buffer.from(body) }) } as never, new Envelopes({ service: 'shop', instance: 'shop-1', build: 'test' }, systemClock));

describe('the asking side of a call', () => {
  it.each([
    ['is not what the contract promises', '{"metres":"7"}'],
    ['is no JSON', '<html>'],
    ['is too deep', '['.repeat(100)],
  ])('does not blame the request for a reply that %s', async (_what, body) => {
    const failure: unknown = await answeredWith(body).call(GetLength, { sku: 'a' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallError);
    expect(failure).toMatchObject({ code: 'invalid-reply', message: expect.stringContaining('rulers.get-length') });
  });

  it('refuses a request that breaks the contract before it leaves', async () => {
    await expect(answeredWith('{}').call(GetLength, { sku: 7 } as never)).rejects.toBeInstanceOf(InvalidMessage);
  });
});
