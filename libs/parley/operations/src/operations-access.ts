import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv6 } from 'node:net';
import { Logger } from '@nestjs/common';
import { InvalidTokenError, IssuerUnavailableError } from './access-tokens';
import { claimedOperator, type Operator, Operators } from './operators';

/** The refusal of a request: HTTP status and reason. */
export interface Refusal {
  readonly status: 401 | 403 | 421 | 503;
  readonly message: string;
  /** The operator, where the role is not enough. */
  readonly operator?: Operator;
}

/** The decision about a request. */
export type Admission =
  { readonly operator: Operator; readonly refusal?: undefined } | { readonly refusal: Refusal };

/** The environment of a service has these fields. */
export interface AccessOptions {
  /** The address that is listened on. Default: loopback. */
  readonly HOST?: string;
  /** The address that a port of operations alone is listened on. Default: loopback. */
  readonly OPERATIONS_HOST?: string;
  /** Names by which operations are reached, beside those of loopback and HOST; without ports. */
  readonly ALLOWED_HOSTS: readonly string[];
  /** A shared secret for services and emergencies. It names no operator. */
  readonly OPERATIONS_TOKEN?: string;
  /** The issuer of operators' access tokens, with its audience and its keys: all three, or none. */
  readonly OPERATORS_ISSUER?: string;
  readonly OPERATORS_AUDIENCE?: string;
  readonly OPERATORS_JWKS_URL?: string;
  readonly OPERATORS_ROLES_CLAIM?: string;
  readonly OPERATORS_NAME_CLAIM?: string;
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const EVERY_ADDRESS = ['0.0.0.0', '::'];
const READS = new Set(['GET', 'HEAD']);

/**
 * Admits or refuses requests to operations. A request must name a known host: one from a web page
 * whose domain points at this machine (DNS rebinding) names that domain. It must also carry the
 * token of operations, or an operator's access token with the needed role: `viewer` to read,
 * `operator` to change.
 */
export class OperationsAccess {
  private readonly hosts: ReadonlySet<string>;
  private readonly token?: string;
  private readonly operators?: Operators;

  /** @param hostsSetting name of the setting of allowed hosts, for the refusal */
  constructor(
    options: AccessOptions,
    private readonly hostsSetting = 'ALLOWED_HOSTS',
  ) {
    const { HOST, OPERATIONS_HOST, ALLOWED_HOSTS, OPERATIONS_TOKEN } = options;
    const listening = [HOST, OPERATIONS_HOST].flatMap(hostAt);
    this.hosts = new Set(
      [...LOOPBACK, ...listening, ...ALLOWED_HOSTS].map((host) => inHeader(host).toLowerCase()),
    );
    this.token = OPERATIONS_TOKEN;
    this.operators = operatorsOf(options);
  }

  /** @param method of HTTP: GET and HEAD read, all others change */
  async admit(method: string, headers: IncomingHttpHeaders): Promise<Admission> {
    const name = nameOf(headers.host ?? '');
    if (!this.hosts.has(name))
      return refused(
        421,
        `${name.slice(0, 100) || 'a request without Host'} is no name of this service; add it to ${this.hostsSetting} if it is`,
      );
    return this.knowing(method, headers);
  }

  private async knowing(method: string, headers: IncomingHttpHeaders): Promise<Admission> {
    const { authorization } = headers;
    const isOpen = this.token === undefined && this.operators === undefined;
    if (isOpen || isToken(authorization, this.token))
      return { operator: claimedOperator(headers['x-operator']) };
    if (!this.operators) return refused(401, WANTS_TOKEN);
    try {
      return withRole(await this.operators.operatorOf(authorization), method);
    } catch (error) {
      if (error instanceof InvalidTokenError) return refused(401, WANTS_OPERATOR);
      if (error instanceof IssuerUnavailableError) return refused(503, error.message);
      throw error;
    }
  }
}

const WANTS_TOKEN =
  'operations want "authorization: Bearer <OPERATIONS_TOKEN>"; npm start writes the token to .data/run.json';
const WANTS_OPERATOR =
  'operations want "authorization: Bearer <access token of an operator>", or the token of operations';

const refused = (
  status: Refusal['status'],
  message: string,
  operator?: Operator,
): { readonly refusal: Refusal } => ({ refusal: { status, message, operator } });

function withRole(operator: Operator, method: string): Admission {
  const { role } = operator;
  if (role === 'operator' || (role === 'viewer' && READS.has(method))) return { operator };
  const message =
    role === undefined
      ? 'this token names none of the roles viewer and operator'
      : 'a viewer reads; the role operator is needed for changes';
  return refused(403, message, operator);
}

function operatorsOf({
  OPERATORS_ISSUER: name,
  OPERATORS_AUDIENCE: audience,
  OPERATORS_JWKS_URL: keys,
  OPERATORS_ROLES_CLAIM: roles,
  OPERATORS_NAME_CLAIM,
}: AccessOptions): Operators | undefined {
  if (name === undefined || audience === undefined || keys === undefined) return undefined;
  const logger = new Logger('operations');
  return new Operators(
    { name, audience, keys },
    { roles, name: OPERATORS_NAME_CLAIM },
    (message, error) => logger.warn({ message, error }),
  );
}

/** The host name of a listening address; none for all addresses. */
const hostAt = (address: string | undefined): readonly string[] =>
  address === undefined || EVERY_ADDRESS.includes(address) ? [] : [address];

/** A host as requests name it: an IPv6 address has brackets, which the address of a pod lacks. */
const inHeader = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

/** `Shop.example:4080` names `shop.example`. */
const nameOf = (host: string): string => host.replace(/:\d{1,5}$/, '').toLowerCase();

const isToken = (authorization: string | undefined, token: string | undefined): boolean =>
  token !== undefined && isSame(authorization ?? '', `Bearer ${token}`);

/** Compares in constant time, for texts of any length. */
const isSame = (given: string, wanted: string): boolean =>
  timingSafeEqual(digest(given), digest(wanted));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
