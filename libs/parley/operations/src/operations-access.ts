import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Why a request is not answered, as HTTP says it. */
export interface Refusal {
  readonly status: 401 | 421;
  readonly message: string;
}

/** Named as in the environment of a service, which fits. */
export interface AccessOptions {
  /** The address that is listened on. Default: loopback. */
  readonly HOST?: string;
  /** Names by which operations are reached, beside those of loopback and HOST; without ports. */
  readonly ALLOWED_HOSTS: readonly string[];
  readonly OPERATIONS_TOKEN?: string;
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const EVERY_ADDRESS = ['0.0.0.0', '::'];

/**
 * Decides whether a request may use operations: it must name a known host and carry the token of
 * operations, if one is set. A web page whose domain was pointed at this machine (DNS rebinding)
 * names its own domain as the host, and has no token.
 */
export class OperationsAccess {
  private readonly hosts: ReadonlySet<string>;
  private readonly token?: string;

  /** @param hostsSetting name of the setting of allowed hosts, for the refusal */
  constructor(
    { HOST = 'localhost', ALLOWED_HOSTS, OPERATIONS_TOKEN }: AccessOptions,
    private readonly hostsSetting = 'ALLOWED_HOSTS',
  ) {
    const listening = EVERY_ADDRESS.includes(HOST) ? [] : [HOST.includes(':') ? `[${HOST}]` : HOST];
    this.hosts = new Set(
      [...LOOPBACK, ...listening, ...ALLOWED_HOSTS].map((host) => host.toLowerCase()),
    );
    this.token = OPERATIONS_TOKEN;
  }

  /** Undefined: the request may be answered. */
  refusalOf({
    host,
    authorization,
  }: Pick<IncomingHttpHeaders, 'host' | 'authorization'>): Refusal | undefined {
    const name = nameOf(host ?? '');
    if (!this.hosts.has(name))
      return {
        status: 421,
        message: `${name.slice(0, 100) || 'a request without Host'} is no name of this service; add it to ${this.hostsSetting} if it is`,
      };
    if (this.token === undefined || isSame(authorization ?? '', `Bearer ${this.token}`))
      return undefined;
    return {
      status: 401,
      message:
        'operations want "authorization: Bearer <OPERATIONS_TOKEN>"; npm start writes the token to .data/run.json',
    };
  }
}

/** `Shop.example:4080` names `shop.example`. */
const nameOf = (host: string): string => host.replace(/:\d{1,5}$/, '').toLowerCase();

/** Compares in constant time, for texts of any length. */
const isSame = (given: string, wanted: string): boolean =>
  timingSafeEqual(digest(given), digest(wanted));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
