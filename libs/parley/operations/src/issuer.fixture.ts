import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JWTPayload, SignJWT } from 'jose';
import type { Issuer } from './access-tokens';

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
type Answer = (response: ServerResponse) => void;

const PAIRS: Readonly<Record<string, () => Pair>> = {
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed: () => generateKeyPairSync('ed25519'),
};

const TYPES: Readonly<Record<string, string>> = {
  RS256: 'rsa',
  PS256: 'rsa',
  ES256: 'ec',
  EdDSA: 'ed',
  Ed25519: 'ed',
};

export const seconds = (): number => Math.floor(Date.now() / 1000);

/** An issuer of tokens, with a key of each type, on a port of its own. */
export class IssuerOnTrial {
  /** The number of requests for the keys. */
  asked = 0;
  answer: Answer = (response) => this.tellKeys(response);
  private readonly pairs = new Map(Object.entries(PAIRS).map(([kid, pair]) => [kid, pair()]));
  private readonly server = createServer(
    (_request, response) => (this.asked++, this.answer(response)),
  );

  static async start(): Promise<IssuerOnTrial> {
    const issuer = new IssuerOnTrial();
    await once(issuer.server.listen(0, '127.0.0.1'), 'listening');
    return issuer;
  }

  get settings(): Issuer {
    return {
      name: 'https://login.example',
      audience: 'the-shop',
      keys: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`,
    };
  }

  /** The claims of a good token; `undefined` leaves a claim out. */
  claims(subject: string, change: Readonly<Record<string, unknown>> = {}): JWTPayload {
    const all = {
      iss: this.settings.name,
      aud: this.settings.audience,
      sub: subject,
      exp: seconds() + 600,
      ...change,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  /** A token with a valid signature. */
  token(claims: JWTPayload, alg = 'RS256'): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg, kid: TYPES[alg]! })
      .sign(this.pair(TYPES[alg]!).privateKey);
  }

  /** The value of the Authorization header, with a token of these claims. */
  async bearer(...claims: Parameters<IssuerOnTrial['claims']>): Promise<string> {
    return `Bearer ${await this.token(this.claims(...claims))}`;
  }

  async headers(
    ...claims: Parameters<IssuerOnTrial['claims']>
  ): Promise<{ authorization: string }> {
    return { authorization: await this.bearer(...claims) };
  }

  pair(kid: string): Pair {
    return this.pairs.get(kid)!;
  }

  addKey(kid: string): Pair {
    this.pairs.set(kid, PAIRS['ec']!());
    return this.pair(kid);
  }

  tellKeys(response: ServerResponse): void {
    const keys = [...this.pairs].map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      use: 'sig',
    }));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  }

  async close(): Promise<void> {
    const closed = once(this.server.close(), 'close');
    this.server.closeAllConnections();
    await closed;
  }
}
