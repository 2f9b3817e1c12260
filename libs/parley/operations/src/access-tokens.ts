import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';

/** An issuer of access tokens: a provider of OpenID Connect. */
export interface Issuer {
  /** The claim `iss` of its tokens. */
  readonly name: string;
  /** The claim `aud` of its tokens. */
  readonly audience: string;
  /** The URL of its JSON Web Key Set. */
  readonly keys: string;
}

/** A valid token. */
export interface VerifiedToken {
  readonly claims: JWTPayload & { readonly sub: string };
  /** Milliseconds until it expires. */
  readonly left: number;
}

/** There is no token, or it is not valid for this issuer, this audience and this time. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError';
}

/** The issuer's keys cannot be read, so that a token can be neither accepted nor refused. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

/**
 * Signatures by key pairs only: with HS256 the issuer's public key would be the secret, and `none`
 * is no signature.
 */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** Seconds by which the clocks of the issuer and of this process may differ. */
const CLOCK_TOLERANCE_S = 10;

/**
 * The longest life of a token, in milliseconds. A longer one would outlive changes of its owner's
 * rights.
 */
const LONGEST_LIFE_MS = 24 * 3_600_000;

/**
 * The keys are read again after KEYS_KEPT_MS, and for an unknown key at the earliest NEW_KEY_MS
 * after the last time.
 */
const KEYS_KEPT_MS = 600_000;
const NEW_KEY_MS = 30_000;
/** The longest time for reading the keys, and the time without an attempt after a failed one. */
const READING_MS = 3_000;
const PAUSE_MS = 1_000;

/** The token in an Authorization header; the empty string where there is none. */
export const bearerToken = (authorization: string | undefined): string =>
  /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1] ?? '';

/** Verifies the access tokens of one issuer, as bearer tokens of requests. */
export class AccessTokens {
  private readonly keyFor: JWTVerifyGetKey;

  /** @param warn called when the keys cannot be read, once per attempt */
  constructor(
    private readonly issuer: Issuer,
    private readonly warn: (message: string, error: unknown) => void,
  ) {
    this.keyFor = this.keysOf(issuer);
  }

  /**
   * @param authorization the header: `Bearer <token>`
   * @throws InvalidTokenError, IssuerUnavailableError
   */
  async verified(authorization: string | undefined): Promise<VerifiedToken> {
    const { name: issuer, audience } = this.issuer;
    try {
      const { payload, protectedHeader } = await jwtVerify(
        bearerToken(authorization),
        this.keyFor,
        {
          algorithms: ALGORITHMS,
          issuer,
          audience,
          clockTolerance: CLOCK_TOLERANCE_S,
          requiredClaims: ['exp', 'sub'],
        },
      );
      refuseOtherKinds(protectedHeader, payload);
      const { sub } = payload;
      if (typeof sub !== 'string') throw new InvalidTokenError('names nobody');
      return { claims: { ...payload, sub }, left: timeLeft(payload) };
    } catch (error) {
      if (error instanceof IssuerUnavailableError || error instanceof InvalidTokenError)
        throw error;
      throw new InvalidTokenError('no valid access token', { cause: error });
    }
  }

  private keysOf({ name, keys }: Issuer): JWTVerifyGetKey {
    let failedAt = -Infinity;
    // The time of day may jump back.
    const mayAsk = () => performance.now() - failedAt >= PAUSE_MS;
    const read: typeof fetch = (...asked) =>
      mayAsk() ? fetch(...asked) : Promise.reject(new Error('failed a moment ago'));
    const keyFor = createRemoteJWKSet(new URL(keys), {
      cacheMaxAge: KEYS_KEPT_MS,
      cooldownDuration: NEW_KEY_MS,
      timeoutDuration: READING_MS,
      [customFetch]: read,
    });
    return async (header, token) => {
      try {
        return await keyFor(header, token);
      } catch (error) {
        if (TOKENS_FAULT.some((fault) => error instanceof fault)) throw error;
        if (mayAsk()) this.warn(`the keys of ${name} cannot be read from ${keys}`, error);
        if (mayAsk()) failedAt = performance.now();
        throw new IssuerUnavailableError(`the keys of ${name} cannot be read`, { cause: error });
      }
    };
  }
}

/**
 * Claims of other tokens of an issuer than access tokens: ID tokens and logout tokens.
 */
const OTHERS_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'];
const ACCESS_TYPES = new Set(['at+jwt', 'application/at+jwt', 'jwt', 'application/jwt']);

/**
 * Refuses ID tokens and other tokens that are no access tokens, by Keycloak's `typ` and Cognito's
 * `token_use`, too. The same issuer signs them, often for the same audience.
 */
function refuseOtherKinds({ typ = 'JWT' }: JWTHeaderParameters, payload: JWTPayload): void {
  const { typ: kind, token_use: use } = payload;
  const isOther =
    OTHERS_CLAIMS.some((claim) => payload[claim] !== undefined) ||
    (kind !== undefined && kind !== 'Bearer') ||
    (use !== undefined && use !== 'access');
  if (isOther || !ACCESS_TYPES.has(typ.toLowerCase()))
    throw new InvalidTokenError('no access token');
}

/**
 * Milliseconds until the token expires.
 * @throws InvalidTokenError when it was issued in the future, or lives for too long
 */
function timeLeft({ exp = 0, iat }: JWTPayload): number {
  const now = Date.now();
  const [begins, ends] = [iat === undefined ? now : iat * 1_000, exp * 1_000];
  if (!(begins <= now + CLOCK_TOLERANCE_S * 1_000))
    throw new InvalidTokenError('issued in the future');
  if (!(ends - begins <= LONGEST_LIFE_MS)) throw new InvalidTokenError('lives for too long');
  return Math.max(0, ends - now);
}

/** The token names no key of the issuer, or leaves open which one of several. */
const TOKENS_FAULT = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys];
