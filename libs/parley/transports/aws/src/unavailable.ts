import { bugIn, notReady, type TransportContext, untilUp } from '@parley/messaging/transport';
import type { AwsAddress } from './address';

/** A service of AWS could not be used at start. Once started, it is tried again for ever. */
export class AwsUnavailableError extends Error {
  override readonly name = 'AwsUnavailableError';
  constructor(address: AwsAddress, cause: unknown) {
    super(`${address.service.name} at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** Something that messages lie in is missing, or other than declared. */
export class TopologyMismatchError extends Error {
  override readonly name = 'TopologyMismatchError';
  /** @param what is at fault: `the queue orders` */
  constructor(address: AwsAddress, what: string, why: string) {
    super(`${address.service.name} at ${address}: ${what} ${why}`);
  }
}

/** An error of the start, as one sentence. */
export function startFailure(address: AwsAddress, thrown: unknown): Error {
  return isUnusable(thrown) ? thrown : (bugIn(thrown) ?? new AwsUnavailableError(address, thrown));
}

/**
 * Opens the service of AWS at start, as often as it takes while it answers "not yet".
 * @throws one sentence, or the mistake in code
 */
export async function openedWhenUp<T>(
  address: AwsAddress,
  { log }: Pick<TransportContext, 'log'>,
  isGivenUp: () => boolean,
  attempt: () => Promise<T>,
): Promise<T> {
  const broker = `${address.service.name} at ${address}`;
  try {
    return await untilUp({ broker, attempt, notYet, log, isGivenUp });
  } catch (error) {
    throw startFailure(address, error);
  }
}

/**
 * The answer of a service, or of a gateway before it, that cannot serve yet or is throttled;
 * undefined for every other error. A fault of the server in a format that is not AWS's comes from
 * something else that listens there.
 */
function notYet(error: unknown): string | undefined {
  const { name, $metadata, $response } = (error ?? {}) as {
    name?: string;
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode ?? 0;
  if (status < 500 && status !== 429 && !THROTTLED.test(String(name))) return undefined;
  if (!OF_GATEWAYS.has(status) && OTHER_FORMAT.test(`${name} ${reasonOf(error)}`)) return undefined;
  return `HTTP ${status}: ${reasonOf(error).split('\n', 1)[0]!}`;
}

/**
 * True when the error already describes the fault of the service, or of a queue or stream in it.
 */
export const isUnusable = (thrown: unknown): thrown is Error =>
  thrown instanceof AwsUnavailableError || thrown instanceof TopologyMismatchError;

const REFUSED =
  /InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId|AccessDenied|InvalidSecurity|InvalidSignature|IncompleteSignature|AuthFailure|NotAuthorized|ExpiredToken/;
const THROTTLED =
  /Throttl|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|BandwidthLimitExceeded|ServiceUnavailable|SlowDown/;
/** Too many requests, bad gateway, unavailable, timeout: a page of HTML may come with them. */
const OF_GATEWAYS = new Set([429, 502, 503, 504]);
const OTHER_FORMAT = /SyntaxError|Deserialization|Unexpected token/;
const NOT_AWS =
  /SyntaxError|Deserialization|UnknownOperation|Expected HTTP|HPE_|Unexpected token|UnknownError|InvalidAction|404/;

/** The reason of an error: its message, or its code, or the reason of its cause. */
export function reasonOf(error: unknown): string {
  const { name, message, code, cause } = error as {
    name?: string;
    message?: string;
    code?: string;
    cause?: unknown;
  };
  // A connection that is closed has its reason, though the SDK calls it a timeout, too.
  if (name === 'AbortError' || (name === 'TimeoutError' && typeof code !== 'string'))
    return 'no answer in time';
  return (
    message?.replace(/^AWS SDK error wrapper for \w*: /, '') ||
    code ||
    (cause ? reasonOf(cause) : String(error))
  );
}

function explain({ endpoint, service }: AwsAddress, cause: unknown): string {
  const { name, scheme, holds } = service;
  const why = reasonOf(cause).split('\n', 1)[0]!;
  const signs = `${(cause as Error)?.name} ${(cause as { code?: string })?.code} ${why}`;
  const own =
    endpoint === undefined
      ? ''
      : `, and does the URL point to it${endpoint.startsWith('https:') ? ' (without TLS it needs ?insecure=true)' : ''}`;
  const answer = notYet(cause);
  if (answer !== undefined) return notReady(answer);
  if (/CredentialsProvider|Could not load credentials/.test(signs))
    return `needs credentials; write them into the URL (${scheme}://key:secret@…), or give them as AWS has it, by AWS_ACCESS_KEY_ID or a role`;
  if (REFUSED.test(signs))
    return `refuses the credentials (${why}); correct them, or allow them ${scheme}:* on the ${holds} of this service`;
  if (NOT_AWS.test(signs))
    return `does not answer like ${name} (${why}); does the URL point to it?`;
  return `cannot be reached (${why}); is it running${own}?`;
}
