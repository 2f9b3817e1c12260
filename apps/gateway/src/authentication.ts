import { Account } from '@contracts/orders';
import { Logger } from '@nestjs/common';
import {
  AccessTokens,
  type Issuer,
  IssuerUnavailableError,
  problem,
  ProblemError,
} from '@parley/service';

/** The customer that a token names. */
export interface VerifiedCustomer {
  readonly account: Account;
  /** Milliseconds until the token expires. */
  readonly left: number;
}

/** Verifies customers by the tokens of one issuer; without an issuer the edge is open. */
export class Authentication {
  private readonly logger = new Logger('edge');
  private readonly tokens?: AccessTokens;

  constructor(issuer?: Issuer) {
    if (issuer)
      this.tokens = new AccessTokens(issuer, (message, error) =>
        this.logger.warn({ message, error }),
      );
    else
      this.logger.warn(
        'authentication is off: everybody who reaches this port sees all orders; set AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL',
      );
  }

  get isOn(): boolean {
    return this.tokens !== undefined;
  }

  /**
   * Returns undefined when authentication is off.
   * @param authorization the header: `Bearer <token>`
   * @throws ProblemError 401 for a token that is not good, 503 while the issuer is away
   */
  async customerOf(authorization: string | undefined): Promise<VerifiedCustomer | undefined> {
    if (!this.tokens) return undefined;
    try {
      const { claims, left } = await this.tokens.verified(authorization);
      return { account: Account.parse(claims.sub), left };
    } catch (error) {
      // The exact fault would help a forger.
      throw new ProblemError(error instanceof IssuerUnavailableError ? AWAY : UNKNOWN_CALLER);
    }
  }
}

/** One answer for every fault of a token. */
export const UNKNOWN_CALLER = problem(401, 'This is for customers with a valid bearer token');
const AWAY = problem(
  503,
  'Who you are cannot be checked right now',
  'Nothing was done; try again in a moment.',
);
