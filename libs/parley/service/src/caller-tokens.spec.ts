import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller } from '@nestjs/common';
import { eventually, freePort, Instance } from '@parley/conformance';
import { call } from '@parley/contract';
import { grpc } from '@parley/grpc';
import { http } from '@parley/http';
import {
  type CallContext,
  CallNotAllowedError,
  type CallersOptions,
  type CallerTokens,
  Handles,
  type Technology,
} from '@parley/messaging';
import { tcp } from '@parley/tcp';
import { decodeJwt, SignJWT } from 'jose';
import { z } from 'zod';
import { JwtCallerTokens } from './caller-tokens';

const folder = mkdtempSync(join(tmpdir(), 'parley-tokens-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function file(content: string): string {
  const path = join(folder, String(++count));
  writeFileSync(path, content);
  return path;
}

interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const ed25519 = (): Keys => generateKeyPairSync('ed25519');
const pem = ({ privateKey }: Keys): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const keySet = (keys: Readonly<Record<string, Keys>>): string =>
  JSON.stringify({
    keys: Object.entries(keys).map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
    })),
  });

const orders = ed25519();
const gateway = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const known = keySet({ orders, 'gateway/2026-11': gateway });

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
function tokensOf(service: string, files: { key?: string; keys?: string }): JwtCallerTokens {
  const tokens = new JwtCallerTokens({ service, ...files, log: () => undefined });
  open.push(tokens);
  return tokens;
}
const owner = (): JwtCallerTokens => tokensOf('catalog', { keys: file(known) });

/** A token as it may not be. */
const forged = (
  { privateKey }: Keys,
  { audience = 'catalog', life = 60, alg = 'EdDSA', subject = 'orders', age = 0 } = {},
): Promise<string> => {
  const now = Math.floor(new Date().getTime() / 1_000) - age;
  return new SignJWT({})
    .setProtectedHeader({ alg, kid: 'orders' })
    .setIssuer('orders')
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + life)
    .sign(privateKey);
};

describe('a token of a caller', () => {
  it.each([
    ['Ed25519', 'orders', orders],
    ['P-256, by a key with a longer name', 'gateway', gateway],
  ])('proves its service, signed by %s', async (_, service, keys) => {
    const token = await tokensOf(service, { key: file(pem(keys)) }).tokenFor('catalog');
    expect(await owner().callerOf(token!)).toEqual({ service });
  });

  it.each<[string, () => Promise<string> | string, RegExp]>([
    ['has expired', () => forged(orders, { age: 100 }), /its token has expired/],
    ['is for another owner', () => forged(orders, { audience: 'shipping' }), /for another owner/],
    ['was signed with another key', () => forged(ed25519()), /signed with another key/],
    [
      'was signed by another service',
      () => forged(gateway, { alg: 'ES256' }),
      /signed with another key/,
    ],
    ['says another name than its key', () => forged(orders, { subject: 'gateway' }), /claim sub/],
    [
      'lives for years',
      () => forged(orders, { age: 7_200, life: 99_999_999 }),
      /wrong claim iat|has expired/,
    ],
    ['is none', () => 'not.a.token', /no key of that caller is known/],
    [
      'has no signature',
      () => 'eyJhbGciOiJub25lIiwia2lkIjoib3JkZXJzIn0.eyJzdWIiOiJvcmRlcnMifQ.',
      /signed with another key/,
    ],
  ])('that %s proves nothing', async (_, token, why) => {
    expect(await owner().callerOf(await token())).toEqual({
      why: expect.stringMatching(why) as string,
    });
  });

  it('is made once for each owner, and verified once', async () => {
    const caller = tokensOf('orders', { key: file(pem(orders)) });
    const verifier = owner();
    const token = (await caller.tokenFor('catalog'))!;
    expect(decodeJwt(token)).toMatchObject({ iss: 'orders', sub: 'orders', aud: 'catalog' });
    await verifier.callerOf(token);
    // Known: nothing is signed or verified, so nothing is waited for.
    expect(caller.tokenFor('catalog')).toBe(token);
    expect(verifier.callerOf(token)).toEqual({ service: 'orders' });
    expect(await caller.tokenFor('shipping')).not.toBe(token);
  });

  it('counts no more when the key of its service is taken away', async () => {
    const token = await forged(orders);
    const keys = file(known);
    const verifier = tokensOf('catalog', { keys });
    expect(await verifier.callerOf(token)).toEqual({ service: 'orders' });
    renameSync(file(keySet({ gateway })), keys);
    const isGone = async () => 'why' in (await verifier.callerOf(token));
    expect(await eventually(isGone, 'the new keys')).toBe(true);
  });
});

describe('a token of a caller whose clock is set', () => {
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  beforeEach(() =>
    jest.useFakeTimers({
      now: Date.now(),
      doNotFake: ['nextTick', 'setImmediate', 'setInterval', 'setTimeout', 'queueMicrotask'],
    }),
  );
  afterEach(() => jest.useRealTimers());
  const setTime = (by: number): void => jest.setSystemTime(Date.now() + by);

  it.each([
    ['back by an hour', -HOUR],
    ['ahead by an hour', HOUR],
    ['back by a minute', -MINUTE],
  ])('is made anew at once after it was set %s', async (_, by) => {
    const caller = tokensOf('orders', { key: file(pem(orders)) });
    const before = await caller.tokenFor('catalog');
    setTime(by);
    const after = await caller.tokenFor('catalog');
    expect(after).not.toBe(before);
    expect(await owner().callerOf(after!)).toEqual({ service: 'orders' });
  });

  it('is renewed after half of its life, by what has passed', async () => {
    const caller = tokensOf('orders', { key: file(pem(orders)) });
    const first = await caller.tokenFor('catalog');
    jest.advanceTimersByTime(2 * MINUTE);
    expect(caller.tokenFor('catalog')).toBe(first);
    jest.advanceTimersByTime(MINUTE);
    expect(caller.tokenFor('catalog')).toBe(first);
    const isRenewed = async () => (await caller.tokenFor('catalog')) !== first;
    expect(await eventually(isRenewed, 'the next token')).toBe(true);
  });

  it('is verified again after the clock of its owner was set', async () => {
    const token = (await tokensOf('orders', { key: file(pem(orders)) }).tokenFor('catalog'))!;
    const verifier = owner();
    await verifier.callerOf(token);
    jest.advanceTimersByTime(4 * MINUTE);
    expect(verifier.callerOf(token)).toEqual({ service: 'orders' });
    // Back at a time at which the token was not made yet.
    setTime(-HOUR);
    expect(await verifier.callerOf(token)).toEqual({ why: 'its token has a wrong claim iat' });
  });

  it('is verified again when it has ended', async () => {
    const token = (await tokensOf('orders', { key: file(pem(orders)) }).tokenFor('catalog'))!;
    const verifier = owner();
    await verifier.callerOf(token);
    jest.advanceTimersByTime(6 * MINUTE);
    expect(await verifier.callerOf(token)).toEqual({ why: 'its token has expired' });
  });
});

describe('files for tokens', () => {
  it.each([
    [
      'a key',
      { key: () => file('very secret') },
      /^(?!.*very secret).*CALLS_TOKEN_KEY=.* has no private key/,
    ],
    ['a key', { key: () => '/nowhere' }, /CALLS_TOKEN_KEY=\/nowhere cannot be read \(ENOENT\)/],
    ['keys', { keys: () => file('no') }, /CALLS_TOKEN_KEYS=.* is not JSON; it must be/],
    ['keys', { keys: () => file('{}') }, /has no list of keys/],
    [
      'keys',
      {
        keys: () =>
          file(
            JSON.stringify({
              keys: [{ ...orders.privateKey.export({ format: 'jwk' }), kid: 'orders' }],
            }),
          ),
      },
      /has a private key/,
    ],
    [
      'keys',
      { keys: () => file('{"keys":[{"kty":"oct","k":"AA","kid":"a"}]}') },
      /of another kind than/,
    ],
  ])('%s that cannot be used end the start with a sentence', (_, files, sentence) => {
    const { key, keys } = files as Partial<Record<'key' | 'keys', () => string>>;
    expect(() => tokensOf('orders', { key: key?.(), keys: keys?.() })).toThrow(sentence);
  });
});

const question = { request: z.object({ n: z.number() }), reply: z.object({ n: z.number() }) };
const Quote = call('catalog.quote-for-token', question);

describe.each([grpc, http, tcp].map((technology) => [technology.name, technology] as const))(
  'a call with a token, by %s',
  (_, technology) => {
    const contexts: CallContext[] = [];
    const instances: Instance[] = [];
    @Controller()
    class Catalog {
      @Handles(Quote)
      quote({ n }: { n: number }, context: CallContext) {
        contexts.push(context);
        return { n };
      }
    }
    let port: number;
    beforeEach(async () => {
      contexts.length = 0;
      port = await freePort();
      await start('catalog', { allowed: ['orders'], tokens: owner() });
    });
    afterEach(async () => {
      for (const one of instances.splice(0).reverse()) await one.stop();
    });

    async function start(service: string, callers?: CallersOptions): Promise<Instance> {
      const options = {
        urls: { calls: () => `${(technology as Technology).schemes[0]}://127.0.0.1:${port}` },
        ...(service === 'catalog' && { listen: { host: '127.0.0.1', port } }),
        technologies: [technology as Technology],
      };
      const place = { options, kill: () => 0, alive: () => true, close: async () => undefined };
      const controllers = service === 'catalog' ? [Catalog] : [];
      const instance = await Instance.start(service, `${service}-1`, place, controllers, {
        callers,
      });
      instances.push(instance);
      return instance;
    }
    const showing = (token: Promise<string>): CallerTokens => ({
      verifies: false,
      tokenFor: () => token,
      callerOf: () => ({ why: '' }),
      close: () => undefined,
    });

    it('is answered, and its caller is proven', async () => {
      const tokens = tokensOf('orders', { key: file(pem(orders)) });
      const { messenger } = await start('orders', { tokens });
      expect(await messenger.call(Quote, { n: 1 })).toEqual({ n: 1 });
      expect(contexts[0]!.caller).toEqual({ service: 'orders', proof: 'token' });
    });

    it.each<[string, () => CallersOptions | undefined, string]>([
      ['without one', () => undefined, 'neither a certificate nor a token'],
      [
        'with one that has expired',
        () => ({ tokens: showing(forged(orders, { age: 100 })) }),
        'its token has expired',
      ],
      [
        'with one for another owner',
        () => ({ tokens: showing(forged(orders, { audience: 'shipping' })) }),
        'its token is for another owner',
      ],
      [
        'with one of another key',
        () => ({ tokens: showing(forged(ed25519())) }),
        'its token was signed with another key',
      ],
      [
        'with one of a service that may not call',
        () => ({ tokens: tokensOf('gateway', { key: file(pem(gateway)) }) }),
        'gateway may not call',
      ],
    ])('%s is refused, and nothing is handled', async (_name, callers, why) => {
      const { messenger } = await start('orders', callers());
      const error = await messenger.call(Quote, { n: 1 }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CallNotAllowedError);
      expect((error as Error).message).toContain(why);
      expect(contexts).toEqual([]);
    });
  },
);
