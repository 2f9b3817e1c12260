import { Account } from '@contracts/orders';
import { Logger } from '@nestjs/common';
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { problem, Refused } from './problem';

/** Who signs the tokens of customers. */
export interface Issuer {
  /** As `iss` says it. */
  readonly name: string;
  /** As `aud` says it. */
  readonly audience: string;
  /** The URL of its JSON Web Key Set. */
  readonly keys: string;
}

/** Signatures by key pairs: `none` proves nothing, and for HS256 the issuer's public key would be the secret. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** Seconds by which the clocks of issuer and edge may differ. */
const CLOCKS = 10;

/** Milliseconds. The keys are read anew after KEPT; for a key they do not hold no sooner than NEW_KEY after the last reading. */
const KEPT = 600_000;
const NEW_KEY = 30_000;
/** So long a reading may take, and so long after a failed one nobody tries again. */
const READING = 3_000;
const PAUSE = 1_000;

/** Tells customers by the tokens of one issuer; without an issuer the edge is open. */
export class Authentication {
  private readonly logger = new Logger('edge');
  private readonly keys?: JWTVerifyGetKey;

  constructor(private readonly issuer?: Issuer) {
    if (issuer) this.keys = this.keysOf(issuer);
    else this.logger.warn('authentication is off: everybody who reaches this port sees all orders; set AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL');
  }

  get isOn(): boolean {
    return this.issuer !== undefined;
  }

  /** Whose token it is; undefined when authentication is off. @throws Refused */
  async accountOf(authorization: string | undefined): Promise<Account | undefined> {
    if (!this.issuer || !this.keys) return undefined;
    const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1] ?? '';
    const { name: issuer, audience } = this.issuer;
    try {
      const rules = { algorithms: ALGORITHMS, issuer, audience, clockTolerance: CLOCKS, requiredClaims: ['exp', 'sub'] };
      return Account.parse((await jwtVerify(token, this.keys, rules)).payload.sub);
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(UNKNOWN); // what is wrong with a token helps who forges one
    }
  }

  private keysOf({ name, keys }: Issuer): JWTVerifyGetKey {
    let failedAt = -Infinity;
    const mayAsk = () => performance.now() - failedAt >= PAUSE; // the time of day may jump back
    const read: typeof fetch = (...asked) => (mayAsk() ? fetch(...asked) : Promise.reject(new Error('failed a moment ago')));
    const keyFor = createRemoteJWKSet(new URL(keys), { cacheMaxAge: KEPT, cooldownDuration: NEW_KEY, timeoutDuration: READING, [customFetch]: read });
    return async (header, token) => {
      try {
        return await keyFor(header, token);
      } catch (error) {
        if (TOKENS_FAULT.some((fault) => error instanceof fault)) throw error;
        if (mayAsk()) this.logger.warn({ message: `the keys of ${name} cannot be read from ${keys}`, error });
        if (mayAsk()) failedAt = performance.now();
        throw new Refused(AWAY);
      }
    };
  }
}

/** The issuer has no such key, or more than one: the token does not say which. */
const TOKENS_FAULT = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys];

const UNKNOWN = problem(401, 'This is for customers with a valid bearer token');
const AWAY = problem(503, 'Who you are cannot be checked right now', 'Nothing was done; try again in a moment.');
