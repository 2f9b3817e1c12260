import { milliseconds, type Duration } from '@parley/contract';

const OPTIONS = ['region', 'insecure', 'prefix', 'shards', 'retention', 'lease', 'poll'] as const;
const [HOUR, DAY] = [3_600_000, 86_400_000];

/** Where a Kinesis is, as its URL says it: `kinesis://eu-west-1` at AWS, `kinesis://key:secret@host:port?insecure=true` for one of one's own. */
export class Address {
  readonly region: string;
  /** Of a Kinesis that is not AWS's. */
  readonly endpoint?: string;
  /** Undefined: those that AWS's own environment variables, files and roles give. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Begins the name of every stream, so that deployments can share an account. */
  readonly prefix: string;
  /** Of a stream that is made here. */
  readonly shards: number;
  /** Hours for which a stream keeps what is in it. */
  readonly retention: number;
  /** Milliseconds for which a silent instance keeps its shards. */
  readonly lease: number;
  /** Milliseconds between two looks into a shard that had nothing new. */
  readonly poll: number;
  private readonly url: URL;

  constructor(secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (!url?.hostname || url.protocol !== 'kinesis:' || url.hash || !['', '/'].includes(url.pathname)) {
      throw new TypeError('this is not a Kinesis URL; write kinesis://eu-west-1 for AWS, or kinesis://key:secret@host:port?insecure=true for another one');
    }
    this.url = url;
    refuseUnknown(url);
    const isElsewhere = url.port !== '' || url.hostname.includes('.');
    const options = url.searchParams;
    this.region = isElsewhere ? (options.get('region') ?? 'us-east-1') : url.hostname;
    if (isElsewhere) this.endpoint = `${options.get('insecure') === 'true' ? 'http' : 'https'}://${url.host}`;
    if (url.username) this.credentials = { accessKeyId: decodeURIComponent(url.username), secretAccessKey: decodeURIComponent(url.password) };
    this.prefix = options.get('prefix') ?? '';
    if (!/^[\w.-]*$/.test(this.prefix)) throw new TypeError(`the option prefix=${this.prefix} of a Kinesis URL takes letters, digits, ".", "-" and "_"`);
    this.shards = shardsOf(options.get('shards') ?? '2');
    this.retention = Math.ceil(span(options, 'retention', '7d', 24 * HOUR, 365 * DAY) / HOUR);
    this.lease = span(options, 'lease', '10s', 1_000, HOUR);
    this.poll = span(options, 'poll', '1s', 10, 60_000);
  }

  /** Without credentials: for people and logs. */
  toString(): string {
    return `kinesis://${this.url.host}`;
  }
}

function refuseUnknown({ searchParams }: URL): void {
  const unknown = [...searchParams.keys()].find((name) => !(OPTIONS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new TypeError(`a Kinesis URL has no option ${unknown}; it has ${OPTIONS.join(', ')}`);
  const insecure = searchParams.get('insecure') ?? 'false';
  if (!['true', 'false'].includes(insecure)) throw new TypeError(`the option insecure=${insecure} of a Kinesis URL is true or false`);
}

function shardsOf(text: string): number {
  const shards = Number(text);
  if (Number.isInteger(shards) && shards >= 1 && shards <= 500) return shards;
  throw new TypeError(`the option shards=${text} of a Kinesis URL is a whole number from 1 to 500`);
}

function span(options: URLSearchParams, name: string, otherwise: string, least: number, most: number): number {
  const text = options.get(name) ?? otherwise;
  const wrong = () => new TypeError(`the option ${name}=${text} of a Kinesis URL is a duration from ${least} ms to ${most} ms, such as ${otherwise}`);
  let asked: number;
  try {
    asked = milliseconds(text as Duration);
  } catch {
    throw wrong();
  }
  if (asked < least || asked > most) throw wrong();
  return asked;
}

/** Kinesis could not be used at start. Once started, it is tried again for ever. */
export class KinesisUnavailable extends Error {
  override readonly name = 'KinesisUnavailable';
  constructor(address: Address, cause: unknown) {
    super(`Kinesis at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** A stream is missing or other than declared. */
export class TopologyMismatch extends Error {
  override readonly name = 'TopologyMismatch';
  constructor(address: Address, stream: string, why: string) {
    super(`Kinesis at ${address}: the stream ${stream} ${why}`);
  }
}

/** What was thrown at start, as one sentence. */
export function startFailure(address: Address, thrown: unknown): Error {
  return thrown instanceof KinesisUnavailable || thrown instanceof TopologyMismatch ? thrown : new KinesisUnavailable(address, thrown);
}

const REFUSED = /InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId|AccessDenied|InvalidSignature|IncompleteSignature|AuthFailure|NotAuthorized|ExpiredToken/;
const NOT_KINESIS = /SyntaxError|Deserialization|UnknownOperation|Expected HTTP|HPE_|Unexpected token|UnknownError|InvalidAction|404/;

/** What went wrong, in the words of whoever noticed it first. */
export function reasonOf(error: unknown): string {
  const { name, message, code, cause } = error as { name?: string; message?: string; code?: string; cause?: unknown };
  // A connection that is closed has its reason, though the SDK calls it a timeout, too.
  if (name === 'AbortError' || (name === 'TimeoutError' && typeof code !== 'string')) return 'no answer in time';
  return message?.replace(/^AWS SDK error wrapper for \w*: /, '') || code || (cause ? reasonOf(cause) : String(error));
}

function explain(address: Address, cause: unknown): string {
  const why = reasonOf(cause).split('\n', 1)[0]!;
  const signs = `${(cause as Error)?.name} ${(cause as { code?: string })?.code} ${why}`;
  const own = address.endpoint === undefined ? '' : `, and does the URL point to it${address.endpoint.startsWith('https:') ? ' (without TLS it needs ?insecure=true)' : ''}`;
  if (/CredentialsProvider|Could not load credentials/.test(signs)) return 'needs credentials; write them into the URL (kinesis://key:secret@…), or give them as AWS has it, by AWS_ACCESS_KEY_ID or a role';
  if (REFUSED.test(signs)) return `refuses the credentials (${why}); correct them, or allow them kinesis:* on the streams of this service`;
  if (NOT_KINESIS.test(signs)) return `does not answer like Kinesis (${why}); does the URL point to it?`;
  return `cannot be reached (${why}); is it running${own}?`;
}
