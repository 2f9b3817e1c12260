import { randomUUID } from 'node:crypto';
import { command, type Contract } from '@parley/contract';
import { MemoryClaimStore, MemorySubjectKeys } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { PayloadProcessor } from '../payload/payload-processor';
import { SubjectKeyCache } from '../payload/subject-key-cache';
import type { Handler, RegisteredSubscription } from '../ports/subscription';
import { MessageOpener, openMessage, UnreadableError, withFreshPayload } from './open-message';
import type { TrackedDelivery } from './tracked-delivery';

const Open = command('locksmith.open-door', z.object({ door: z.string() }));
const Copy = command('locksmith.copy-key', z.object({ owner: z.string(), name: z.string() }), {
  personal: { subject: 'owner', fields: { name: 'erased' } },
});
const Forge = command('locksmith.forge-key', z.object({ door: z.string() }));

let clock: VirtualClock;
let claims: MemoryClaimStore;
let payloads: PayloadProcessor;
let opener: MessageOpener;

beforeEach(() => {
  clock = new VirtualClock();
  claims = new MemoryClaimStore(clock);
  payloads = new PayloadProcessor(new SubjectKeyCache(new MemorySubjectKeys(clock), clock), claims);
  opener = new MessageOpener(payloads, clock);
});

const handlerOf = (contract: Contract): Handler => ({
  contract,
  options: {},
  name: 'Locksmith.work',
  run: undefined as never,
});
const subscription: RegisteredSubscription = {
  kind: 'command',
  name: 'locksmith',
  from: 'beginning',
  live: false,
  concurrency: 1,
  handlers: new Map<string, Handler>([
    [Open.name, handlerOf(Open)],
    [Copy.name, handlerOf(Copy)],
    [Forge.name, { ...handlerOf(Forge), missing: true }],
  ]),
};

const signal = new AbortController().signal;
function delivery(
  contract: Contract,
  body: string | Buffer,
  more: Partial<TrackedDelivery> = {},
): TrackedDelivery {
  return {
    subscription,
    headers: { id: randomUUID(), type: contract.name, ...more.headers },
    body: Buffer.from(body),
    attempt: 1,
    signal,
    cancelled: signal,
    supports: { retry: false, dead: false },
    ...(more.suspect !== undefined && { suspect: more.suspect }),
  };
}

describe('a message', () => {
  it('is opened for its handler', () => {
    expect(opener.open(delivery(Open, '{"door":"back"}'))).toMatchObject({
      handler: { contract: Open },
      envelope: { type: Open.name },
      payload: { door: 'back' },
      packed: false,
    });
  });

  it('is worth handling until its time is over', () => {
    const expirytime = new Date(clock.now() + 1_000).toISOString();
    const message = delivery(Open, '{"door":"back"}', { headers: { expirytime } });
    const openAt = (now: number) => () => openMessage(message, () => handlerOf(Open), now);
    expect(openAt(clock.now() + 999)()).toMatchObject({ payload: { door: 'back' } });
    expect(openAt(clock.now() + 1_000)).toThrow(expect.objectContaining({ name: 'ExpiredError' }));
  });

  it.each([
    ['that nothing in the subscription takes', command('locksmith.melt-key', z.object({}))],
    ['whose method is missing', Forge],
  ])('%s has no handler', (_, contract) => {
    expect(() => opener.open(delivery(contract, '{}'))).toThrow(
      expect.objectContaining({ name: 'NoHandlerError' }),
    );
  });

  it('of a suspect is not parsed before its handling is recorded', async () => {
    const unreadable = '{'.repeat(9);
    const message = delivery(Open, unreadable, { suspect: true });
    const opened = opener.open(message);
    expect([opened.payload, opened.packed]).toEqual([undefined, true]);
    await expect(opener.unpack(message, opened)).rejects.toThrow(UnreadableError);
    for (const suspect of [false, undefined])
      expect(() => opener.open(delivery(Open, unreadable, { suspect }))).toThrow(
        expect.objectContaining({ name: 'InvalidMessageError' }),
      );
  });

  it('has a new payload for each try: what a handler changed does not reach the next one', () => {
    const message = delivery(Open, '{"door":"back"}');
    const opened = opener.open(message);
    (opened.payload as { door: string }).door = 'spoilt by the handler';
    expect(withFreshPayload(message, opened)).toEqual({ ...opened, payload: { door: 'back' } });
  });
});

describe('a message that is unpacked', () => {
  it('has its whole body from then on, and its payload', async () => {
    const id = randomUUID();
    const body = Buffer.from('{"door":"front"}');
    await claims.put([{ id, body }]);
    const headers = { dataref: `urn:uuid:${id}` };
    const message = delivery(Open, '', { headers });
    const opened = opener.open(message);
    expect([opened.payload, opened.packed]).toEqual([undefined, true]);
    expect(withFreshPayload(message, opened)).toBe(opened);
    expect(await opener.unpack(message, opened)).toEqual({
      delivery: { ...message, body },
      opened: { ...opened, payload: { door: 'front' } },
    });
  });

  it('is tried again when its body is not there yet', async () => {
    const message = delivery(Open, '', { headers: { dataref: `urn:uuid:${randomUUID()}` } });
    await expect(opener.unpack(message, opener.open(message))).rejects.toThrow(
      expect.objectContaining({ name: 'ClaimMissingError' }),
    );
  });

  it('says why it can never be read', async () => {
    const message = delivery(Open, '{"door":5}', { suspect: true });
    const error: unknown = await opener.unpack(message, opener.open(message)).catch((e) => e);
    expect(error).toMatchObject({ cause: { name: 'InvalidMessageError' } });
    expect(error).toBeInstanceOf(UnreadableError);
  });

  it('stays encrypted in its body, and names the texts that nobody may see', async () => {
    const payload = { owner: 'o-1', name: 'Ada Lovelace' };
    const plain = delivery(Copy, JSON.stringify(payload));
    const { envelope } = opener.open(plain);
    const { body } = await payloads.sealed({ contract: Copy, envelope, body: plain.body });
    const message = { ...plain, body };
    const opened = opener.open(message);
    expect([opened.payload, opened.packed]).toEqual([undefined, true]);
    const unpacked = await opener.unpack(message, opened);
    expect(unpacked.opened.payload).toEqual(payload);
    expect(unpacked.delivery.body).toEqual(body);
    expect(body.toString()).not.toContain('Ada');
    (unpacked.opened.payload as { name: string }).name = 'spoilt by the handler';
    expect(unpacked.delivery.personalTexts!()).toEqual(['Ada Lovelace']);
  });
});
