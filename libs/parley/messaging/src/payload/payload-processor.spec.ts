import { setImmediate as turn } from 'node:timers/promises';
import { command, type Contract } from '@parley/contract';
import { MemoryClaimStore, MemoryStore, MemorySubjectKeys } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { encode } from '../message/codec';
import { Envelopes } from '../message/envelope';
import type { OutgoingMessage } from '../message/message';
import { BodyTooLargeError, ClaimMissingError } from '../ports/claim-store';
import { NoSubjectKeysError, UnknownKeyError } from '../ports/subject-keys';
import { PayloadProcessor } from './payload-processor';
import { SubjectKeyCache } from './subject-key-cache';

const Visit = z.object({ visit: z.string(), patient: z.string(), text: z.string() });
const Plain = command('ward.plan-visit', Visit, { key: 'visit' });
const personal = { subject: 'patient', fields: { text: 'erased' } } as const;
const Personal = command('ward.note-visit', Visit, { key: 'visit', personal });
const secret = { fields: { text: 'expired' }, life: '1d' } as const;
const Secret = command('ward.lock-visit', Visit, { key: 'visit', secret });

const VISIT = { visit: 'v-1', patient: 'p-1', text: 'sore throat' };
const BODY = encode(VISIT);
const clock = new VirtualClock();
const writer = new Envelopes({ service: 'ward', instance: 'ward-1', build: 'test' }, clock);
const said = (contract: Contract, payload: object = VISIT): OutgoingMessage => ({
  contract,
  envelope: writer.write(contract, payload),
  body: encode(payload),
});
/** A technology that takes so many bytes. */
const taking = (maxBodyBytes?: number) => ({ technology: 'pigeon', maxBodyBytes });

let keys: MemorySubjectKeys;
let claims: MemoryClaimStore;
let whole: PayloadProcessor;
/** Without a store for large bodies. */
let narrow: PayloadProcessor;
/** Without any store. */
const bare = new PayloadProcessor(undefined, undefined);

const processor = (of: MemorySubjectKeys, at?: MemoryClaimStore) =>
  new PayloadProcessor(new SubjectKeyCache(of, clock), at);

beforeEach(() => {
  keys = new MemorySubjectKeys(clock);
  claims = new MemoryClaimStore(clock);
  whole = processor(keys, claims);
  narrow = processor(keys);
});

describe('the stores of keys and of large bodies', () => {
  it('are opened with a service and closed with it, those that it has', async () => {
    const calls: string[] = [];
    const recorded = <S extends MemorySubjectKeys | MemoryClaimStore>(name: string, store: S): S =>
      Object.assign(store, {
        connect: async () => void calls.push(`${name} opened`),
        close: async () => void calls.push(`${name} closed`),
      });
    whole = processor(recorded('keys', keys), recorded('claims', claims));
    for (const one of [whole, bare]) {
      await one.connect(undefined);
      await one.close();
    }
    expect(calls).toEqual(['keys opened', 'claims opened', 'keys closed', 'claims closed']);
  });

  it('are no more than a service has: no database, or no place for large bodies', async () => {
    claims.sharesDatabaseWith = async ({ technology }) => technology === 'memory';
    await expect(whole.connect(undefined)).resolves.toBeUndefined();
    await expect(narrow.connect(new MemoryStore(clock))).resolves.toBeUndefined();
  });

  it.each([
    ['are in its transaction where they share its database', true, 0],
    ['outlive its transaction where they are elsewhere', false, 1],
  ])('%s', async (_, shares, left) => {
    const store = new MemoryStore(clock);
    claims = shares ? store.claims : claims;
    whole = processor(keys, claims);
    await whole.connect(store);
    const undone = store.transaction(async (tx) => {
      await whole.encodeBody([said(Plain)], () => taking(1), tx);
      throw new Error('no');
    });
    await expect(undone).rejects.toThrow('no');
    expect(claims.size).toBe(left);
  });
});

describe('a message that could not be sent', () => {
  it('is refused at once when it is too large and can wait nowhere', () => {
    expect(() => narrow.assertSendable(said(Plain), taking(BODY.length - 1))).toThrow(
      BodyTooLargeError,
    );
    for (const most of [BODY.length, undefined])
      expect(() => narrow.assertSendable(said(Plain), taking(most))).not.toThrow();
    expect(() => whole.assertSendable(said(Plain), taking(1))).not.toThrow();
  });

  it.each([Personal, Secret])('is refused at once when no key store is read: $name', (contract) => {
    expect(() => bare.assertSendable(said(contract), taking())).toThrow(NoSubjectKeysError);
  });

  it('is refused at its end when it is too large only once it is encrypted', async () => {
    const carrier = taking(BODY.length);
    narrow.assertSendable(said(Personal), carrier);
    await expect(
      narrow.encodeBody([said(Plain), said(Personal)], () => carrier),
    ).rejects.toMatchObject({ name: 'BodyTooLargeError', contract: Personal.name });
  });

  it('is refused when its subject is too long to be looked up', () => {
    const of = (characters: number) =>
      said(Personal, { ...VISIT, patient: 'p'.repeat(characters) });
    expect(() => whole.assertSendable(of(800), taking())).not.toThrow();
    expect(() => whole.assertSendable(of(801), taking())).toThrow(
      expect.objectContaining({
        name: 'InvalidMessageError',
        issues: [{ path: 'patient', message: 'names a person, and is longer than 800 characters' }],
      }),
    );
  });
});

describe('a key', () => {
  it.each([Personal, Secret])(
    'is there at the end of a transaction, fetched when it was said: $name',
    async (contract) => {
      whole.assertSendable(said(contract), taking());
      await turn();
      await turn();
      expect(keys.asked).toBe(1);
      await whole.encodeBody([said(contract)], () => taking());
      expect(keys.asked).toBe(1);
    },
  );

  it('that cannot be fetched yet does not end the process: the end of the transaction tells', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    const outage = new Error('the key store is down');
    keys.of = () => Promise.reject(outage);
    whole.assertSendable(said(Personal), taking());
    for (let n = 0; n < 5; n++) await turn();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    await expect(whole.encodeBody([said(Personal)], () => taking())).rejects.toThrow(outage);
  });

  it('of another store is told apart from a key that was erased', async () => {
    const [sent] = await whole.encodeBody([said(Personal)], () => taking());
    const { contract, envelope, body } = sent!;
    await expect(
      processor(new MemorySubjectKeys(clock)).decodeBody(contract, envelope, body),
    ).rejects.toThrow(UnknownKeyError);
    await keys.erase('p-1', { who: 'ann' });
    const { decrypt } = await processor(keys).decodeBody(contract, envelope, body);
    expect(decrypt(JSON.parse(String(body)))).toEqual({ ...VISIT, text: 'erased' });
  });
});

describe('a body', () => {
  it('travels unchanged when it is plain and fits', async () => {
    const messages = [said(Plain), said(Plain)];
    for (const most of [BODY.length, undefined])
      for (const one of [whole, bare])
        expect(await one.encodeBody(messages, () => taking(most))).toEqual(messages);
    expect(claims.size).toBe(0);
  });

  it.each([Personal, Secret])(
    'is encrypted beside plain ones, and comes back: $name',
    async (contract) => {
      const [plain, sent] = await whole.encodeBody([said(Plain), said(contract)], () => taking());
      expect(plain!.body).toEqual(BODY);
      expect(String(sent!.body)).not.toContain(VISIT.text);
      expect(whole.isPacked(contract, sent!.envelope, sent!.body)).toBe(true);
      expect(await whole.opened(contract, sent!.envelope, sent!.body)).toEqual(BODY);
    },
  );

  it.each([Plain, Personal])(
    'waits in the store while its message travels, alone: $name',
    async (contract) => {
      const large = said(contract, { ...VISIT, text: 'x'.repeat(1_000) });
      const [small, sent] = await whole.encodeBody([said(Plain), large], () => taking(500));
      expect(small!.body).toEqual(BODY);
      expect(sent!.body).toHaveLength(0);
      expect(claims.size).toBe(1);
      expect(whole.isPacked(contract, sent!.envelope, sent!.body)).toBe(true);
      expect(await whole.opened(contract, sent!.envelope, sent!.body)).toEqual(large.body);
      expect(String(await claims.get(sent!.envelope.id)).includes('xxx')).toBe(contract === Plain);
      await expect(narrow.opened(contract, sent!.envelope, sent!.body)).rejects.toThrow(
        ClaimMissingError,
      );
    },
  );

  it('that was kept whole is read as it is, whatever it is called elsewhere', async () => {
    const { envelope } = said(Plain);
    const named = { ...envelope, dataref: `urn:uuid:${envelope.id}` };
    expect(whole.isPacked(Plain, named, BODY)).toBe(false);
    expect(await whole.opened(Plain, named, BODY)).toEqual(BODY);
    expect((await whole.decodeBody(Plain, named, BODY)).body).toEqual(BODY);
  });

  it('that is empty and waits nowhere is no claim', async () => {
    const nothing = Buffer.alloc(0);
    expect(whole.isPacked(Plain, said(Plain).envelope, nothing)).toBe(false);
    await expect(whole.decodeBody(Personal, said(Personal).envelope, nothing)).rejects.toThrow(
      'is not JSON',
    );
  });

  it('under no name of a claim is invalid, and names the attribute', async () => {
    const named = { ...said(Plain).envelope, dataref: 'file:///etc/passwd' };
    await expect(whole.decodeBody(Plain, named, Buffer.alloc(0))).rejects.toMatchObject({
      name: 'InvalidMessageError',
      issues: [{ path: 'dataref' }],
    });
  });
});

describe('a body before people', () => {
  it.each([
    [Personal, 'erased'],
    [Secret, 'expired'],
  ])('is masked, and gets back what they left alone: $name', (contract, text) => {
    const shown = whole.masked(contract, BODY);
    expect(JSON.parse(String(shown))).toEqual({ ...VISIT, text });
    const edited = encode({ ...VISIT, visit: 'v-2', text });
    expect(whole.unmasked(contract, edited, BODY)).toEqual(encode({ ...VISIT, visit: 'v-2' }));
    const said = encode({ ...VISIT, text: 'cough' });
    expect(whole.unmasked(contract, said, BODY)).toEqual(said);
  });

  it('is left alone when it is plain, or no JSON', () => {
    expect(whole.masked(Plain, BODY)).toBe(BODY);
    expect(whole.unmasked(Plain, BODY, Buffer.from('{}'))).toBe(BODY);
    const torn = Buffer.from('{"text":');
    expect(whole.masked(Personal, torn)).toBe(torn);
    expect(whole.unmasked(Personal, torn, BODY)).toBe(torn);
    expect(whole.unmasked(Personal, BODY, torn)).toBe(BODY);
  });
});
