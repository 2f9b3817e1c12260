import { Account } from '@contracts/orders';
import { Logger } from '@nestjs/common';
import {
  AccessTokens,
  type Issuer,
  IssuerUnavailableError,
  problem,
  ProblemError,
} from '@parley/service';

/** A customer, as a token proves it. */
export interface Proven {
  readonly account: Account;
  /** Milliseconds for which the token is still good. */
  readonly left: number;
}

/** Tells customers by the tokens of one issuer; without an issuer the edge is open. */
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

  /** The customer of the token; undefined when authentication is off. @throws ProblemError */
  async accountOf(authorization: string | undefined): Promise<Account | undefined> {
    return (await this.customerOf(authorization))?.account;
  }

  /**
   * The customer of the token and the time it expires; undefined when authentication is off.
   * @throws ProblemError
   */
  async customerOf(authorization: string | undefined): Promise<Proven | undefined> {
    if (!this.tokens) return undefined;
    try {
      const { claims, left } = await this.tokens.verified(authorization);
      return { account: Account.parse(claims.sub), left };
    } catch (error) {
      // The exact fault would help a forger.
      throw new ProblemError(error instanceof IssuerUnavailableError ? AWAY : UNKNOWN);
    }
  }
}

const UNKNOWN = problem(401, 'This is for customers with a valid bearer token');
const AWAY = problem(
  503,
  'Who you are cannot be checked right now',
  'Nothing was done; try again in a moment.',
);
