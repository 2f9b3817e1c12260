/*
 * Logs outlive the people who may read a secret. Names tell most secrets; for free text there are the three shapes in which
 * one usually arrives: a URL's password, an authorization header, a `name=value`.
 */

export const HIDDEN = '[hidden]';

const SECRET_NAME = /pass(word|wd|phrase)|secret|token|authorization|cookie|credential|api[-_]?key|private[-_]?key/i;
/**
 * Up to the last @, for a password that was not percent-encoded, as it has to be, may hold anything. A port is none, and neither is what
 * shows how such a URL is written.
 */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/(?!(?:user:password|key:secret)@(?:host|…))[^\s/?#:@]*):(?!\d+(?:[/?#]|$))[^\s"'<>]{0,256}@/gi;
const AUTHORIZATION = /\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi;
const ASSIGNMENT = /("?(?:password|passwd|secret|token|authorization|cookie|api_?key)"?\s*[:=]\s*)("[^"]*"|(?!Bearer|Basic|\[hidden)[^\s,;&}"]+)/gi;
/** How payment providers and others mark theirs: tok_…, sk_live_…, whsec_…. */
const MARKED = /\b(tok|sk|rk|whsec)_\w+/g;

const DEPTH = 6;
const ENTRIES = 100;

export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

export function withoutSecretsInText(text: string): string {
  return text
    .replace(URL_PASSWORD, `$1:${HIDDEN}@`)
    .replace(AUTHORIZATION, `$1 ${HIDDEN}`)
    .replace(ASSIGNMENT, `$1${HIDDEN}`)
    .replace(MARKED, `$1_${HIDDEN}`);
}

/** A copy that can be logged: secrets hidden, bounded in depth and width, errors as plain objects. Never throws. */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecretsInText(value);
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? String(value) : value;
  if (depth >= DEPTH) return '[deeper]';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (Buffer.isBuffer(value)) return `[${value.length} bytes]`;
  if (value instanceof Error) return errorWithoutSecrets(value, depth);
  if (Array.isArray(value)) return value.slice(0, ENTRIES).map((item) => withoutSecrets(item, depth + 1));
  return Object.fromEntries(fields(value).map(([name, field]) => [name, isSecretName(name) ? HIDDEN : withoutSecrets(field, depth + 1)]));
}

function errorWithoutSecrets(error: Error, depth: number): object {
  return {
    type: error.name,
    message: withoutSecretsInText(error.message),
    stack: withoutSecretsInText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: withoutSecrets(error.cause, depth + 1) }),
  };
}

function fields(value: object): [string, unknown][] {
  try {
    return Object.entries(value).slice(0, ENTRIES);
  } catch (error) {
    return [['unreadable', String(error)]]; // a getter that throws must not take the service down with its log line
  }
}
