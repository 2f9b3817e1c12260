import { hkdfSync, randomBytes } from 'node:crypto';
import { OrderId } from './edge.schema';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';

/** A bearer token that opens one order. */
export interface GuestToken {
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** The order that a guest's token opens. */
export interface GuestOrder {
  readonly orderId: string;
  /** Milliseconds until the token expires. */
  readonly left: number;
}

/** 30 days: parcels arrive within days; returns and questions take weeks. */
export const GUEST_TOKEN_LIFE_MS = 30 * 86_400_000;

/** Different from tokens of issuers, which are signed by key pairs. */
const ALGORITHM = 'HS256';
const TYPE = 'guest+jwt';
const AUDIENCE = 'one-order';

interface Secrets {
  readonly GUEST_TOKENS_KEY?: string;
  readonly OPERATIONS_TOKEN?: string;
}

/**
 * Tokens of guests: each opens one order, without an account. The edge signs them with a key of its
 * own and stores nothing.
 */
export class GuestTokens {
  constructor(private readonly key: Uint8Array) {}

  /**
   * Uses the key that all instances of the edge share: GUEST_TOKENS_KEY, or else one derived from
   * OPERATIONS_TOKEN. Without either, other processes refuse the tokens.
   */
  static from({ GUEST_TOKENS_KEY, OPERATIONS_TOKEN }: Secrets): GuestTokens {
    const secret = GUEST_TOKENS_KEY ?? OPERATIONS_TOKEN ?? randomBytes(32);
    return new GuestTokens(
      new Uint8Array(hkdfSync('sha256', secret, '', 'guest tokens of the edge', 32)),
    );
  }

  async tokenFor(orderId: string): Promise<GuestToken> {
    const now = Date.now();
    const expires = Math.floor((now + GUEST_TOKEN_LIFE_MS) / 1_000);
    const token = await new SignJWT({ order: orderId })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setAudience(AUDIENCE)
      .setExpirationTime(expires)
      .sign(this.key);
    return { token, expiresAt: new Date(expires * 1_000).toISOString() };
  }

  /** The order of a guest's token. @throws Error when the token is forged or has expired */
  async orderOf(token: string): Promise<GuestOrder> {
    const { payload } = await jwtVerify(token, this.key, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      audience: AUDIENCE,
      requiredClaims: ['exp'],
    });
    const [now, ends] = [Date.now(), (payload.exp ?? 0) * 1_000];
    return { orderId: OrderId.parse(payload['order']), left: Math.max(0, ends - now) };
  }
}

/** True for a token of a guest by its unverified header. */
export function isGuestToken(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === TYPE;
  } catch {
    return false;
  }
}
