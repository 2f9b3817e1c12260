import { milliseconds, type Duration } from '@parley/contract';
import type { NodeHttpHandlerOptions } from '@smithy/node-http-handler';

/** A service of AWS, as error messages and checks describe it. */
export interface AwsService {
  readonly name: string;
  /** With its article: `an SQS`. */
  readonly one: string;
  /** Of its URLs, and of its actions in policies. */
  readonly scheme: string;
  /** Its containers of messages: `queues`. */
  readonly holds: string;
  /** Which names those may have, and how people say that. */
  readonly names: { readonly pattern: RegExp; readonly takes: string };
  /** Options of its URLs that no other technology has. */
  readonly options: readonly string[];
}

const OPTIONS = ['region', 'insecure', 'prefix'] as const;

/** For the clients' `NodeHttpHandler`. */
export const HTTP: NodeHttpHandlerOptions = {
  connectionTimeout: 3_000,
  httpAgent: { maxSockets: 100 },
  httpsAgent: { maxSockets: 100 },
};

/**
 * Where a service of AWS is, as its URL says it: `sqs://eu-west-1` at AWS,
 * `sqs://key:secret@host:port?insecure=true` for one of one's own.
 */
export abstract class AwsAddress {
  readonly region: string;
  /** Of one that is not AWS's. */
  readonly endpoint?: string;
  /** Undefined: those that AWS's own environment variables, files and roles give. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Begins the name of everything that is made here, so that deployments can share an account. */
  readonly prefix: string;
  protected readonly options: URLSearchParams;
  private readonly host: string;

  protected constructor(
    secret: string,
    readonly service: AwsService,
  ) {
    const url = urlOf(secret, service);
    refuseUnknown(url, service);
    const isElsewhere = url.port !== '' || /[.:]/.test(url.hostname);
    this.host = url.host;
    this.options = url.searchParams;
    this.region = isElsewhere ? (this.option('region') ?? 'us-east-1') : url.hostname;
    if (isElsewhere)
      this.endpoint = `${this.option('insecure') === 'true' ? 'http' : 'https'}://${url.host}`;
    if (url.username)
      this.credentials = {
        accessKeyId: decodeURIComponent(url.username),
        secretAccessKey: decodeURIComponent(url.password),
      };
    this.prefix = this.option('prefix') ?? '';
    const { pattern, takes } = service.names;
    if (!pattern.test(this.prefix)) throw this.unfit('prefix', takes);
  }

  /** Without credentials: for people and logs. */
  toString(): string {
    return `${this.service.scheme}://${this.host}`;
  }

  protected option(name: string): string | undefined {
    return this.options.get(name) ?? undefined;
  }

  /** The option as milliseconds. */
  protected duration(name: string, otherwise: Duration, least: Duration, most: Duration): number {
    const unfit = this.unfit(name, `is a duration from ${least} to ${most}, such as ${otherwise}`);
    let asked: number;
    try {
      asked = milliseconds((this.option(name) ?? otherwise) as Duration);
    } catch {
      throw unfit;
    }
    if (asked < milliseconds(least) || asked > milliseconds(most)) throw unfit;
    return asked;
  }

  protected unfit(name: string, why: string): TypeError {
    return new TypeError(
      `the option ${name}=${this.option(name)} of ${this.service.one} URL ${why}`,
    );
  }
}

function urlOf(secret: string, { one, scheme }: AwsService): URL {
  const url = URL.canParse(secret) ? new URL(secret) : undefined;
  if (
    url?.hostname &&
    url.protocol === `${scheme}:` &&
    !url.hash &&
    ['', '/'].includes(url.pathname)
  )
    return url;
  throw new TypeError(
    `this is not ${one} URL; write ${scheme}://eu-west-1 for AWS, or ${scheme}://key:secret@host:port?insecure=true for another one`,
  );
}

function refuseUnknown({ searchParams }: URL, { one, options }: AwsService): void {
  const known = [...OPTIONS, ...options];
  const unknown = [...searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`${one} URL has no option "${unknown}"; it has ${known.join(', ')}`);
  const insecure = searchParams.get('insecure') ?? 'false';
  if (!['true', 'false'].includes(insecure))
    throw new TypeError(`the option insecure=${insecure} of ${one} URL is true or false`);
}
