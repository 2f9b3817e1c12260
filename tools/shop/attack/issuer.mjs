// An issuer of tokens for a shop under attack: it signs good ones, and every kind of bad one.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { SignJWT } from 'jose';

/** @import { KeyObject } from 'node:crypto' */
/** @import { AddressInfo } from 'node:net' */
/** @import { JWTPayload } from 'jose' */

const ISSUER = 'https://login.example';
/** Audiences of the tokens of customers and of operators. */
const AUDIENCES = { shop: 'the-shop', operations: 'the-operations' };
const KEY_ID = 'today';
const LIFE_S = 3_600;

const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const now = () => Math.floor(Date.now() / 1_000);
/** @param {unknown} value */
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class Issuer {
  #known = pair();
  #unknown = pair();
  #server = createServer((_request, response) => {
    const key = { ...this.#known.publicKey.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig' };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [key] }));
  });

  static async start() {
    const issuer = new Issuer();
    await once(issuer.#server.listen(0, '127.0.0.1'), 'listening');
    return issuer;
  }

  /** Variables of a shop whose customers and operators this issuer knows. */
  get environment() {
    const { port } = /** @type {AddressInfo} */ (this.#server.address());
    const keys = `http://127.0.0.1:${port}/keys`;
    return {
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: AUDIENCES.shop,
      AUTH_JWKS_URL: keys,
      OPERATORS_ISSUER: ISSUER,
      OPERATORS_AUDIENCE: AUDIENCES.operations,
      OPERATORS_JWKS_URL: keys,
    };
  }

  /** @param {string} account */
  customer(account) {
    return this.#headers({ sub: account });
  }

  /** @param {string[]} roles */
  operator(...roles) {
    return this.#headers({ sub: 'otto', aud: AUDIENCES.operations, roles });
  }

  /**
   * Headers with tokens of a customer that are not good, by what is wrong with them.
   * @param {string} account
   * @returns {Promise<Record<string, { authorization: string }>>}
   */
  async bad(account) {
    const claims = this.#claims({ sub: account });
    const [header, payload, signature = ''] = (await this.#signed(claims)).split('.');
    const bearers = {
      expired: await this.#signed({ ...claims, iat: now() - 600, exp: now() - 300 }),
      'not yet good': await this.#signed({ ...claims, nbf: now() + 600 }),
      'alg: none': `${part({ alg: 'none', kid: KEY_ID })}.${part(claims)}.`,
      'without a signature': `${header}.${payload}.`,
      'a signature of another token': `${header}.${part({ ...claims, sub: 'eve' })}.${signature}`,
      'of the wrong audience': await this.#signed({ ...claims, aud: AUDIENCES.operations }),
      'of another issuer': await this.#signed({ ...claims, iss: 'https://evil.example' }),
      'by an unknown key': await this.#signed(claims, this.#unknown.privateKey),
      'by a key that nobody has': await this.#signed(claims, this.#unknown.privateKey, 'tomorrow'),
      'by the public key as a secret': await this.#byPublicKey(claims),
      garbage: 'x.y.z',
    };
    return Object.fromEntries(
      Object.entries(bearers).map(([what, token]) => [what, { authorization: `Bearer ${token}` }]),
    );
  }

  async close() {
    const closed = once(this.#server.close(), 'close');
    this.#server.closeAllConnections();
    await closed;
  }

  /** @param {JWTPayload} change */
  #claims(change) {
    return { iss: ISSUER, aud: AUDIENCES.shop, iat: now(), exp: now() + LIFE_S, ...change };
  }

  /** @param {JWTPayload} change */
  async #headers(change) {
    return { authorization: `Bearer ${await this.#signed(this.#claims(change))}` };
  }

  /** @param {JWTPayload} claims @param {KeyObject} [key] @param {string} [kid] */
  #signed(claims, key = this.#known.privateKey, kid = KEY_ID) {
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(key);
  }

  /** @param {JWTPayload} claims */
  #byPublicKey(claims) {
    const secret = String(this.#known.publicKey.export({ format: 'pem', type: 'spki' }));
    const header = { alg: 'HS256', kid: KEY_ID };
    return new SignJWT(claims).setProtectedHeader(header).sign(Buffer.from(secret));
  }
}
