import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { CallerTokens, TokenProof } from '@parley/messaging';
import {
  type Contents,
  type TransportContext,
  UnusableFileError,
  WatchedFiles,
} from '@parley/messaging/transport';
import {
  type CryptoKey,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';

/** Milliseconds for which a token is valid, and after which the next one is made. */
const LIFE_MS = 300_000;
const RENEWED_AFTER_MS = LIFE_MS / 2;
/** Seconds by which the clocks of two services may differ. */
const CLOCK_TOLERANCE_S = 10;
/** Milliseconds by which the time of day must differ from what has passed to count as set. */
const SET_MS = CLOCK_TOLERANCE_S * 500;
/** The longest life of a token that is accepted. */
const LONGEST_LIFE_S = 3_600;
/** Tokens that are known to be good; the oldest is forgotten first, and verified again. */
const MOST_KNOWN = 1_000;

export interface CallerTokensOptions {
  readonly service: string;
  /** The path of this service's private key, in PEM. Undefined: it shows no token. */
  readonly key?: string;
  /** The path of the JSON Web Key Set of the services that call. Undefined: no token counts. */
  readonly keys?: string;
  readonly log: TransportContext['log'];
}

interface SigningKey {
  readonly key: KeyObject;
  readonly alg: string;
}
interface KnownKey {
  readonly key: CryptoKey | Uint8Array;
  readonly alg: string;
}

/** A moment by both clocks: one gives durations, the other is what a token says. */
interface Moment {
  readonly elapsed: number;
  readonly timeOfDay: number;
}
const thisMoment = (): Moment => ({ elapsed: performance.now(), timeOfDay: Date.now() });

/**
 * Milliseconds since `then`. Infinite if the time of day was set meanwhile, or the machine slept:
 * what a token says is then no longer what was meant or verified.
 */
function millisecondsSince(then: Moment): number {
  const now = thisMoment();
  const passed = now.elapsed - then.elapsed;
  return Math.abs(now.timeOfDay - then.timeOfDay - passed) > SET_MS ? Infinity : passed;
}

/** A token that was made for an owner. */
interface Made {
  readonly token: string;
  readonly version: number;
  readonly at: Moment;
}

interface Known {
  readonly proof: TokenProof | Promise<TokenProof>;
  readonly at: Moment;
  /** Milliseconds after `at` in which it need not be verified again. */
  readonly lasts: number;
}

/**
 * Tokens of one service: JWTs that live for 5 minutes, with the service as `iss` and `sub`, and the
 * owner as `aud`. One is made for each owner, and each is verified once.
 */
export class JwtCallerTokens implements CallerTokens {
  private readonly own?: WatchedFiles<SigningKey>;
  private readonly others?: WatchedFiles<readonly JWK[]>;
  private readonly made = new Map<string, Made>();
  private readonly making = new Map<string, Promise<string>>();
  private readonly known = new Map<string, Known>();

  /** @throws UnusableFileError */
  constructor(private readonly options: CallerTokensOptions) {
    const { key, keys, log } = options;
    if (key !== undefined)
      this.own = new WatchedFiles({
        paths: { CALLS_TOKEN_KEY: key },
        what: 'the key for tokens of calls',
        make: ({ CALLS_TOKEN_KEY: content }) => signingKey(key, content!),
        log,
      });
    if (keys !== undefined) {
      this.others = new WatchedFiles({
        paths: { CALLS_TOKEN_KEYS: keys },
        what: 'the keys of callers',
        make: (contents) => keySet(keys, contents),
        log,
      });
      this.others.onChange(() => this.known.clear());
    }
  }

  get verifies(): boolean {
    return this.others !== undefined;
  }

  tokenFor(owner: string): string | undefined | Promise<string> {
    if (!this.own) return undefined;
    const made = this.made.get(owner);
    const age = made?.version === this.own.version ? millisecondsSince(made.at) : Infinity;
    if (made && age < LIFE_MS) {
      if (age >= RENEWED_AFTER_MS) void this.make(owner, this.own);
      return made.token;
    }
    return this.make(owner, this.own);
  }

  callerOf(token: string): TokenProof | Promise<TokenProof> {
    const known = this.known.get(token);
    if (known && millisecondsSince(known.at) < known.lasts) return known.proof;
    const proof = this.verify(token);
    this.remember(token, { proof, at: thisMoment(), lasts: LIFE_MS });
    return proof;
  }

  close(): void {
    this.own?.close();
    this.others?.close();
  }

  private make(owner: string, own: WatchedFiles<SigningKey>): Promise<string> {
    const making =
      this.making.get(owner) ?? this.sign(owner, own).finally(() => void this.making.delete(owner));
    this.making.set(owner, making);
    return making;
  }

  private async sign(owner: string, own: WatchedFiles<SigningKey>): Promise<string> {
    const { version, current } = own;
    const { service } = this.options;
    const at = thisMoment();
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: current.alg, kid: service, typ: 'JWT' })
      .setIssuer(service)
      .setSubject(service)
      .setAudience(owner)
      .setIssuedAt(Math.floor(at.timeOfDay / 1_000))
      .setExpirationTime(Math.floor((at.timeOfDay + LIFE_MS) / 1_000))
      .sign(current.key);
    this.made.set(owner, { token, version, at });
    return token;
  }

  private async verify(token: string): Promise<TokenProof> {
    const version = this.others?.version;
    const at = thisMoment();
    const proved = await this.proofOf(token);
    // Until it expires, and no bad one: those would push the good ones out.
    if ('until' in proved && version === this.others?.version)
      this.remember(token, { proof: proved.proof, at, lasts: proved.until - at.timeOfDay });
    else this.known.delete(token);
    return proved.proof;
  }

  private async proofOf(
    token: string,
  ): Promise<
    { readonly proof: TokenProof; readonly until: number } | { readonly proof: TokenProof }
  > {
    let fault: unknown;
    for (const jwk of this.keysFor(token)) {
      const service = serviceOf(jwk.kid!);
      try {
        const { key, alg } = await imported(jwk);
        const { payload } = await jwtVerify(token, key, {
          algorithms: [alg],
          issuer: service,
          subject: service,
          audience: this.options.service,
          clockTolerance: CLOCK_TOLERANCE_S,
          maxTokenAge: LONGEST_LIFE_S,
          requiredClaims: ['exp', 'iat'],
        });
        return { proof: { service }, until: payload.exp! * 1_000 };
      } catch (error) {
        fault = error;
        if (error instanceof errors.JWTExpired) break;
      }
    }
    return { proof: { why: whyNot(fault) } };
  }

  private keysFor(token: string): readonly JWK[] {
    try {
      const { kid = '' } = decodeProtectedHeader(token);
      return this.others!.current.filter((jwk) => serviceOf(jwk.kid!) === serviceOf(kid));
    } catch {
      return [];
    }
  }

  private remember(token: string, known: Known): void {
    this.known.delete(token);
    if (this.known.size >= MOST_KNOWN) this.known.delete(this.known.keys().next().value!);
    this.known.set(token, known);
  }
}

/** The part of a key's name before the slash: `orders/2026-11` is a further key of orders. */
const serviceOf = (kid: string): string => kid.split('/')[0]!;

function whyNot(fault: unknown): string {
  if (fault === undefined) return 'no key of that caller is known';
  if (fault instanceof errors.JWTExpired) return 'its token has expired';
  if (fault instanceof errors.JWTClaimValidationFailed)
    return fault.claim === 'aud'
      ? 'its token is for another owner'
      : `its token has a wrong claim ${fault.claim}`;
  return 'its token was signed with another key';
}

/** Only public keys come here: with a secret, every owner could sign tokens of its callers. */
const ALGORITHMS: Readonly<Record<string, string>> = { Ed25519: 'EdDSA', 'P-256': 'ES256' };

const importing = new WeakMap<JWK, Promise<KnownKey>>();
/** Once for each key. */
function imported(jwk: JWK): Promise<KnownKey> {
  let key = importing.get(jwk);
  if (!key) {
    const alg = ALGORITHMS[jwk.crv!]!;
    importing.set(jwk, (key = importJWK(jwk, alg).then((made) => ({ key: made, alg }))));
  }
  return key;
}

/** What OpenSSL says is left out: nothing of a key may get into a log. */
function signingKey(path: string, content: Buffer): SigningKey {
  try {
    const key = createPrivateKey(content);
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
    if (type === 'ed25519') return { key, alg: 'EdDSA' };
    if (type === 'ec' && details?.namedCurve === 'prime256v1') return { key, alg: 'ES256' };
  } catch {
    // said below
  }
  throw new UnusableFileError(
    `CALLS_TOKEN_KEY=${path} has no private key of Ed25519 or P-256 in PEM without a passphrase; openssl genpkey -algorithm ed25519 makes one`,
  );
}

function keySet(path: string, { CALLS_TOKEN_KEYS: content }: Contents): readonly JWK[] {
  const refuse = (why: string): never => {
    throw new UnusableFileError(
      `CALLS_TOKEN_KEYS=${path} ${why}; it must be a JSON Web Key Set with the public key of each service that calls, and the service as its kid`,
    );
  };
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(content!.toString()) as { keys?: unknown });
  } catch {
    return refuse('is not JSON');
  }
  if (!Array.isArray(keys)) return refuse('has no list of keys');
  for (const jwk of keys as JWK[]) {
    if (typeof jwk?.kid !== 'string') refuse('has a key without a kid');
    if (jwk.d !== undefined) refuse('has a private key');
    if (!Object.hasOwn(ALGORITHMS, jwk.crv ?? ''))
      refuse('has a key of another kind than Ed25519 and P-256');
  }
  return keys as JWK[];
}
