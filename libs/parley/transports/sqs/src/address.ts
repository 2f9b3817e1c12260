import { milliseconds, type Duration } from '@parley/contract';

const OPTIONS = ['region', 'insecure', 'prefix', 'lease', 'wait'] as const;
const LONGEST_WAIT = 20_000;
const LONGEST_LEASE = 12 * 3_600_000;

/** Where an SQS is, as its URL says it: `sqs://eu-west-1` at AWS, `sqs://key:secret@host:port?insecure=true` for one of one's own. */
export class Address {
  readonly region: string;
  /** Of an SQS that is not AWS's. */
  readonly endpoint?: string;
  /** Undefined: those that AWS's own environment variables, files and roles give. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Begins the name of every queue, so that deployments can share an account. */
  readonly prefix: string;
  /** Seconds for which a command that was handed out stays with whom it was handed to, unless renewed. */
  readonly lease: number;
  /** Seconds for which SQS is asked to wait for a command; a stop takes as long. */
  readonly wait: number;
  private readonly url: URL;

  constructor(secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (!url?.hostname || url.protocol !== 'sqs:' || url.hash || !['', '/'].includes(url.pathname)) {
      throw new TypeError('this is not an SQS URL; write sqs://eu-west-1 for AWS, or sqs://key:secret@host:port?insecure=true for another one');
    }
    this.url = url;
    refuseUnknown(url);
    const isElsewhere = url.port !== '' || url.hostname.includes('.');
    const options = url.searchParams;
    this.region = isElsewhere ? (options.get('region') ?? 'us-east-1') : url.hostname;
    if (isElsewhere) this.endpoint = `${options.get('insecure') === 'true' ? 'http' : 'https'}://${url.host}`;
    if (url.username) this.credentials = { accessKeyId: decodeURIComponent(url.username), secretAccessKey: decodeURIComponent(url.password) };
    this.prefix = options.get('prefix') ?? '';
    this.lease = seconds(options, 'lease', '30s', { least: 3_000, most: LONGEST_LEASE });
    this.wait = seconds(options, 'wait', '2s', { least: 0, most: LONGEST_WAIT });
    if (!/^[\w-]*$/.test(this.prefix)) throw new TypeError(`the option prefix=${this.prefix} of an SQS URL takes letters, digits, - and _`);
  }

  /** Without credentials: for people and logs. */
  toString(): string {
    return `sqs://${this.url.host}`;
  }
}

function refuseUnknown({ searchParams }: URL): void {
  const unknown = [...searchParams.keys()].find((name) => !(OPTIONS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new TypeError(`an SQS URL has no option ${unknown}; it has ${OPTIONS.join(', ')}`);
  const insecure = searchParams.get('insecure') ?? 'false';
  if (!['true', 'false'].includes(insecure)) throw new TypeError(`the option insecure=${insecure} of an SQS URL is true or false`);
}

/** SQS counts time in whole seconds. */
function seconds(options: URLSearchParams, name: string, otherwise: string, { least, most }: { least: number; most: number }): number {
  const text = options.get(name) ?? otherwise;
  const wrong = () => new TypeError(`the option ${name}=${text} of an SQS URL is a duration from ${least / 1_000}s to ${most / 1_000}s, such as ${otherwise}`);
  let asked: number;
  try {
    asked = milliseconds(text as Duration);
  } catch {
    throw wrong();
  }
  if (asked < least || asked > most) throw wrong();
  return Math.ceil(asked / 1_000);
}

/** SQS could not be used at start. Once started, it is tried again for ever. */
export class SqsUnavailable extends Error {
  override readonly name = 'SqsUnavailable';
  constructor(address: Address, cause: unknown) {
    super(`SQS at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** A queue is missing or other than declared. */
export class TopologyMismatch extends Error {
  override readonly name = 'TopologyMismatch';
  constructor(address: Address, queue: string, why: string) {
    super(`SQS at ${address}: the queue ${queue} ${why}`);
  }
}

/** What was thrown at start, as one sentence. */
export function startFailure(address: Address, thrown: unknown): Error {
  return thrown instanceof SqsUnavailable || thrown instanceof TopologyMismatch ? thrown : new SqsUnavailable(address, thrown);
}

const REFUSED = /InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId|AccessDenied|InvalidSecurity|AuthFailure|NotAuthorized|ExpiredToken/;
const NOT_SQS = /SyntaxError|Deserialization|UnknownOperation|Expected HTTP|HPE_|Unexpected token|UnknownError|InvalidAction|404/;

/** What went wrong, in the words of whoever noticed it first. */
export function reasonOf(error: unknown): string {
  const { name, message, code, cause } = error as { name?: string; message?: string; code?: string; cause?: unknown };
  // A connection that is closed has its reason, though the SDK calls it a timeout, too.
  if (name === 'AbortError' || (name === 'TimeoutError' && typeof code !== 'string')) return 'no answer in time';
  return message?.replace(/^AWS SDK error wrapper for \w*: /, '') || code || (cause ? reasonOf(cause) : String(error));
}

function explain(address: Address, cause: unknown): string {
  const why = reasonOf(cause);
  const signs = `${(cause as Error)?.name} ${(cause as { code?: string })?.code} ${why}`;
  const own = address.endpoint === undefined ? '' : `, and does COMMANDS_URL point to it${address.endpoint.startsWith('https:') ? ' (without TLS it needs ?insecure=true)' : ''}`;
  if (/CredentialsProvider|Could not load credentials/.test(signs)) return 'needs credentials; write them into COMMANDS_URL (sqs://key:secret@…), or give them as AWS has it, by AWS_ACCESS_KEY_ID or a role';
  if (REFUSED.test(signs)) return `refuses the credentials (${why}); correct them, or allow them sqs:* on the queues of this service`;
  if (NOT_SQS.test(signs)) return `does not answer like SQS (${why.split('\n', 1)[0]}); does COMMANDS_URL point to it?`;
  return `cannot be reached (${why.split('\n', 1)[0]}); is it running${own}?`;
}
