import type { Question } from '@parley/contract';
import type { Caller, CallResult, IncomingCall } from '../../ports/call-transport';
import type { TransportContext } from '../../ports/transport';

/** The callers that a service admits, and the tokens that prove callers without a certificate. */
export interface CallersOptions {
  /** The services that may make calls to this one. Undefined: everybody may. */
  readonly allowed?: readonly string[];
  /** The services that may call one contract, by its name; instead of `allowed`. */
  readonly allowedFor?: Readonly<Record<string, readonly string[]>>;
  readonly tokens?: CallerTokens;
}

/** Tokens that prove who makes a call, where no certificate of the caller arrives at the owner. */
export interface CallerTokens {
  /** True when it knows the keys of callers. */
  readonly verifies: boolean;
  /**
   * The token for calls to an owner, made before its predecessor expires; undefined: this service
   * shows none. Not made for each call.
   */
  tokenFor(owner: string): string | undefined | Promise<string>;
  /** The service that a token proves, or why it proves none. Each token is verified once. */
  callerOf(token: string): TokenProof | Promise<TokenProof>;
  close(): void;
}

export type TokenProof = { readonly service: string } | { readonly why: string };

/** Callers whose refusal was logged; the names of further ones are not kept. */
const MOST_LOGGED = 1_000;

const BEARER = /^Bearer ([\w.-]+)$/i;

/** Knows the caller of each call, and refuses those who may not make it. */
export class Callers {
  private readonly logged = new Set<string>();

  constructor(
    private readonly options: CallersOptions,
    private readonly log: TransportContext['log'],
  ) {}

  /** The services that may call a contract; undefined: all. */
  allowedFor(contract: string): readonly string[] | undefined {
    const { allowed, allowedFor = {} } = this.options;
    return Object.hasOwn(allowedFor, contract) ? allowedFor[contract] : allowed;
  }

  /** The call with its caller, or why it is refused. Waits only for a token that is new. */
  check(call: IncomingCall): Checked | Promise<Checked> {
    const { tokens } = this.options;
    const token = !call.caller && tokens?.verifies && tokenIn(call);
    if (!token) return this.judge(call, call.caller);
    const proof = tokens.callerOf(token);
    return proof instanceof Promise
      ? proof.then((known) => this.judgeProof(call, known))
      : this.judgeProof(call, proof);
  }

  private judgeProof(call: IncomingCall, proof: TokenProof): Checked {
    return 'service' in proof
      ? this.judge(call, { service: proof.service, proof: 'token' })
      : this.judge(call, undefined, proof.why);
  }

  private judge(call: IncomingCall, caller: Caller | undefined, why?: string): Checked {
    const allowed = this.allowedFor(call.contract);
    const known = caller === call.caller ? call : { ...call, caller };
    if (!allowed || (caller && allowed.includes(caller.service))) return { call: known };
    this.note(caller?.service, call.contract, why);
    const message = caller
      ? `${caller.service} may not call ${call.contract}`
      : `nothing proves who makes this call (${why ?? 'neither a certificate nor a token that is known here'})`;
    return { refusal: { ok: false, fault: { code: NOT_ALLOWED, message } } };
  }

  /** Once for each caller. */
  private note(service: string | undefined, contract: string, why?: string): void {
    const who = service ?? '';
    if (this.logged.has(who) || this.logged.size >= MOST_LOGGED) return;
    this.logged.add(who);
    const what = service
      ? `${service} may not call ${contract}`
      : `${contract} was called without proof of who calls${why === undefined ? '' : ` (${why})`}`;
    this.log('warn', `${what}: refused; further calls of this caller are only counted`);
  }
}

/** The code of the fault of a caller that may not make the call. */
export const NOT_ALLOWED = 'not-allowed';

export type Checked =
  { readonly call: IncomingCall } | { readonly refusal: CallResult & { readonly ok: false } };

const tokenIn = ({ headers }: IncomingCall): string | undefined =>
  BEARER.exec(headers[TOKEN_HEADER] ?? '')?.[1];

/** The header of a token: the usual one, so that foreign callers and proxies know it. */
const TOKEN_HEADER = 'authorization';

/** Adds the token for the owner of a contract to the headers of a call. */
export async function withToken<H extends object>(
  headers: H,
  { owner }: Question,
  tokens: CallerTokens,
): Promise<H> {
  const token = await tokens.tokenFor(owner);
  return token === undefined ? headers : { ...headers, [TOKEN_HEADER]: `Bearer ${token}` };
}
