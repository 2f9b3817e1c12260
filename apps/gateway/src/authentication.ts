import { Account } from '@contracts/orders';
import { Logger } from '@nestjs/common';
import { problem, ProblemError } from '@parley/service';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';

/** The issuer of customers' tokens. */
export interface Issuer {
  /** As `iss` says it. */
  readonly name: string;
  /** As `aud` says it. */
  readonly audience: string;
  /** The URL of its JSON Web Key Set. */
  readonly keys: string;
}

/**
 * Signatures by key pairs: `none` proves nothing, and for HS256 the issuer's public key would be
 * the secret.
 */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** Seconds by which the clocks of issuer and edge may differ. */
const CLOCKS = 10;

/**
 * Milliseconds from the beginning to the end of a token; a longer one would outlive every change of
 * its owner's rights.
 */
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** A customer, as a token proves it. */
export interface Proven {
  readonly account: Account;
  /** Milliseconds for which the token is still good. */
  readonly left: number;
}

/**
 * Milliseconds. The keys are read anew after KEPT; for a key they do not hold no sooner than
 * NEW_KEY after the last reading.
 */
const KEPT = 600_000;
const NEW_KEY = 30_000;
/**
 * Milliseconds that reading the keys may take, and milliseconds without a further attempt after a
 * failed one.
 */
const READING = 3_000;
const PAUSE = 1_000;

/** Tells customers by the tokens of one issuer; without an issuer the edge is open. */
export class Authentication {
  private readonly logger = new Logger('edge');
  private readonly keys?: JWTVerifyGetKey;

  constructor(private readonly issuer?: Issuer) {
    if (issuer) this.keys = this.keysOf(issuer);
    else
      this.logger.warn(
        'authentication is off: everybody who reaches this port sees all orders; set AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL',
      );
  }

  get isOn(): boolean {
    return this.issuer !== undefined;
  }

  /** The customer of the token; undefined when authentication is off. @throws ProblemError */
  async accountOf(authorization: string | undefined): Promise<Account | undefined> {
    return (await this.customerOf(authorization))?.account;
  }

  /**
   * The customer of the token and the time it expires; undefined when authentication is off.
   * @throws ProblemError
   */
  async customerOf(authorization: string | undefined): Promise<Proven | undefined> {
    if (!this.issuer || !this.keys) return undefined;
    const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1] ?? '';
    const { name: issuer, audience } = this.issuer;
    try {
      const rules = {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        clockTolerance: CLOCKS,
        requiredClaims: ['exp', 'sub'],
      };
      const { payload, protectedHeader } = await jwtVerify(token, this.keys, rules);
      refuseOtherKinds(protectedHeader, payload);
      return { account: Account.parse(payload.sub), left: timeLeft(payload) };
    } catch (error) {
      // the exact fault would help a forger
      throw error instanceof ProblemError ? error : new ProblemError(UNKNOWN);
    }
  }

  private keysOf({ name, keys }: Issuer): JWTVerifyGetKey {
    let failedAt = -Infinity;
    const mayAsk = () => performance.now() - failedAt >= PAUSE; // the time of day may jump back
    const read: typeof fetch = (...asked) =>
      mayAsk() ? fetch(...asked) : Promise.reject(new Error('failed a moment ago'));
    const keyFor = createRemoteJWKSet(new URL(keys), {
      cacheMaxAge: KEPT,
      cooldownDuration: NEW_KEY,
      timeoutDuration: READING,
      [customFetch]: read,
    });
    return async (header, token) => {
      try {
        return await keyFor(header, token);
      } catch (error) {
        if (TOKENS_FAULT.some((fault) => error instanceof fault)) throw error;
        if (mayAsk())
          this.logger.warn({ message: `the keys of ${name} cannot be read from ${keys}`, error });
        if (mayAsk()) failedAt = performance.now();
        throw new ProblemError(AWAY);
      }
    };
  }
}

/**
 * Claims that only other tokens of an issuer have, not access tokens: ID tokens, Keycloak's and
 * Cognito's kinds.
 */
const OTHERS_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'];
const ACCESS_TYPES = new Set(['at+jwt', 'application/at+jwt', 'jwt', 'application/jwt']);

/**
 * Refuses ID tokens: they tell a client the identity of its user, and give no access here. The same
 * issuer signs both kinds, often for the same audience.
 */
function refuseOtherKinds({ typ = 'JWT' }: JWTHeaderParameters, payload: JWTPayload): void {
  const { typ: kind, token_use: use } = payload;
  const isOther =
    OTHERS_CLAIMS.some((claim) => payload[claim] !== undefined) ||
    (kind !== undefined && kind !== 'Bearer') ||
    (use !== undefined && use !== 'access');
  if (isOther || !ACCESS_TYPES.has(typ.toLowerCase())) throw new Error('no access token');
}

/**
 * Milliseconds until the token ends. @throws Error when it begins in the future, or lives for too
 * long
 */
function timeLeft({ exp = 0, iat }: JWTPayload): number {
  const now = Date.now();
  const [begins, ends] = [iat === undefined ? now : iat * 1_000, exp * 1_000];
  if (!(begins <= now + CLOCKS * 1_000)) throw new Error('issued in the future');
  if (!(ends - begins <= LONGEST_LIFE_MS)) throw new Error('lives for too long');
  return Math.max(0, ends - now);
}

/** The issuer has no such key, or more than one: the token does not say which. */
const TOKENS_FAULT = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys];

const UNKNOWN = problem(401, 'This is for customers with a valid bearer token');
const AWAY = problem(
  503,
  'Who you are cannot be checked right now',
  'Nothing was done; try again in a moment.',
);
