import { AccessTokens, type Issuer, type VerifiedToken } from './access-tokens';

/** `viewer` reads; `operator` reads and changes. */
export type OperatorRole = 'viewer' | 'operator';

/** The person or service that sends a request to operations. */
export interface Operator {
  /** The name for the audit: `ada`, or `ada (claimed)` where no token proves it. */
  readonly name: string;
  /** Undefined: may neither read nor change. */
  readonly role?: OperatorRole;
  /** True when a token proves the name. */
  readonly isProven: boolean;
}

/** Claims of a token that name its owner and the owner's roles. */
export interface OperatorClaims {
  /** Default `sub`. */
  readonly name?: string;
  /** The claim, or the path to it: `roles`, `realm_access.roles`. Default `roles`. */
  readonly roles?: string;
}

const NAME_LIMIT = 255;
// PostgreSQL stores no NUL; a line break would begin a line of its own in a log.
const CONTROL_CHARACTERS = /\p{Cc}/gu;

/** Identifies operators by the access tokens of an issuer. */
export class Operators {
  private readonly tokens: AccessTokens;

  constructor(
    issuer: Issuer,
    private readonly claims: OperatorClaims,
    warn: (message: string, error: unknown) => void,
  ) {
    this.tokens = new AccessTokens(issuer, warn);
  }

  /** @throws InvalidTokenError, IssuerUnavailableError */
  async operatorOf(authorization: string | undefined): Promise<Operator> {
    const { claims } = await this.tokens.verified(authorization);
    const { name = 'sub', roles = 'roles' } = this.claims;
    const named = claims[name];
    return {
      name: readableName(typeof named === 'string' ? named : claims.sub),
      role: roleIn(claimAt(claims, roles)),
      isProven: true,
    };
  }
}

/** The operator that a header names, without proof. */
export function claimedOperator(header: string | string[] | undefined): Operator {
  const name = typeof header === 'string' ? readableName(header).slice(0, 100) : '';
  return { name: `${name || 'somebody'} (claimed)`, role: 'operator', isProven: false };
}

const readableName = (text: string): string =>
  text.replace(CONTROL_CHARACTERS, '').trim().slice(0, NAME_LIMIT);

/** A claim by its whole name, which may be a URL with dots, or by a path. */
function claimAt(claims: VerifiedToken['claims'], path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? Reflect.get(value, key)
          : undefined,
      claims,
    );
}

function roleIn(claim: unknown): OperatorRole | undefined {
  const roles: unknown[] = Array.isArray(claim) ? claim : [claim];
  if (roles.includes('operator')) return 'operator';
  return roles.includes('viewer') ? 'viewer' : undefined;
}
