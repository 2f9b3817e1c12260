import { HIDDEN, withoutUrlPasswords } from '@parley/messaging/transport';

/*
 * Logs outlive their readers' right to a secret. Names reveal most secrets; in free text, the usual
 * shapes are searched: a URL's password, a private key, a header, a `name=value`, a token.
 * Texts come from anywhere, so each one is bounded before a pattern is applied, and no pattern
 * takes more than linear time (regular-expressions.spec.ts).
 */

/** Characters of one text that are logged. More than an error's stack has. */
export const TEXT_LIMIT = 10_000;
/**
 * Characters beyond the limit that the patterns still see: a secret that begins before the limit is
 * hidden whole.
 */
const OVERLAP = 1_000;

const SECRET_NAME =
  /pass(?:word|wd|phrase)|secret|token|authorization|cookie|credentials?|(?:api|private)[-_]?key|(?:access|account)[-_]?key(?![-_]?(?:id|name))|(?:amz|goog|access)[-_]?signature/i;
/** Also one of which a cut has left no end. */
const PRIVATE_KEY =
  /-----BEGIN (?:\w{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END (?:\w{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|$)/g;
/**
 * A header without quotes ends with its line: cookies are many, and schemes have parameters. A list
 * of such headers may have several lines.
 */
const HEADER =
  /((?:authorization|cookie)\\?["']?[ \t]*:(?![ \t]*\\?["'])[ \t]*(?:(?:Bearer|Basic)[ \t]+)?)(?=\S)(?:\[[^\]]*(?:\]|$))?[^\r\n]*/gi;
const AUTHORIZATION = /\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi;
/**
 * Also a name that only contains one of these, unless it is an error's; within JSON that is a text
 * within JSON; with a quote that a cut has left open.
 */
const ASSIGNMENT =
  /((?:(?:pass(?:word|wd|phrase)|secret|token|authorization|cookie|credentials?|(?:api|private)[-_]?key|(?:access|account)[-_]?key(?![-_]?(?:id|name))|(?:amz|goog|access)[-_]?signature)(?![\w-]{0,40}Error)[\w-]{0,40}|(?<=[?&;])sig)\\?["']?\s*[:=]\s*)(\\"[^"]*(?:"|$)|"(?:[^"\\]|\\[^]?)*(?:"|$)|'[^']*(?:'|$)|(?!Bearer|Basic|\[hidden)[^\s,;&}"']+)/gi;
/** A JSON Web Token, whose first part is `{"` in base64. */
const WEB_TOKEN = /(?<![\w-])eyJ[\w-]+\.[\w-]{2,}\.[\w-]*(?:\.[\w-]*)*/g;
/** How payment providers and others mark theirs: tok_…, sk_live_…, whsec_…. */
const MARKED = /\b(tok|sk|rk|whsec)_\w+/g;

const DEPTH = 6;
const ENTRIES = 100;
const NAME_LIMIT = 200;
/** Fields and items of one value in all: 100 in each of 6 levels would be 10^12. */
const MOST = 2_000;
/** Characters of all texts of one value together. */
const TEXTS_LIMIT = 100_000;

export const isSecretName = (name: string): boolean => SECRET_NAME.test(name.slice(0, NAME_LIMIT));

/** The text without secrets, TEXT_LIMIT characters of it at most. */
export function withoutSecretsInText(text: string): string {
  if (text.length <= TEXT_LIMIT) return hidden(text);
  const seen = text.slice(0, TEXT_LIMIT + OVERLAP);
  return `${hidden(seen, seen.length < text.length).slice(0, TEXT_LIMIT)}… (${text.length} characters)`;
}

/**
 * A copy that can be logged: secrets hidden, bounded in depth, width and size, errors as plain
 * objects. Never throws.
 */
export const withoutSecrets = (value: unknown): unknown => new Copy().of(value, 0);

function hidden(text: string, isCut = false): string {
  return withoutUrlPasswords(text, isCut)
    .replace(PRIVATE_KEY, HIDDEN)
    .replace(HEADER, `$1${HIDDEN}`)
    .replace(AUTHORIZATION, `$1 ${HIDDEN}`)
    .replace(ASSIGNMENT, `$1${HIDDEN}`)
    .replace(WEB_TOKEN, HIDDEN)
    .replace(MARKED, `$1_${HIDDEN}`);
}

/** Copies one value for the log; counts down its bounds. */
class Copy {
  private entries = MOST;
  private characters = TEXTS_LIMIT;

  of(value: unknown, depth: number): unknown {
    try {
      return this.copied(value, depth);
    } catch (error) {
      return `[unreadable: ${this.text(error instanceof Error ? error.message : 'it throws')}]`; // a getter that throws must not take the service down with its log line
    }
  }

  private copied(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'bigint') return this.text(`${value}`);
    if (typeof value === 'function' || typeof value === 'symbol') return this.text(String(value));
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= DEPTH) return '[deeper]';
    if (value instanceof Date)
      return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Error) return this.error(value, depth);
    if (Array.isArray(value)) return this.items(value, depth);
    return this.fields(value, depth);
  }

  private text(value: unknown): string {
    if (this.characters <= 0) return '[more]';
    const text = withoutSecretsInText(String(value));
    this.characters -= text.length;
    return text;
  }

  private error(error: Error, depth: number): object {
    return {
      type: this.text(error.name),
      message: this.text(error.message),
      stack: this.text(error.stack ?? ''),
      ...(error.cause === undefined ? {} : { cause: this.of(error.cause, depth + 1) }),
    };
  }

  private items(list: readonly unknown[], depth: number): unknown[] {
    const copies: unknown[] = [];
    for (let index = 0; index < Math.min(list.length, ENTRIES) && this.takes(); index++)
      copies.push(this.of(list[index], depth + 1));
    return copies;
  }

  private fields(value: object, depth: number): object {
    const copies: [string, unknown][] = [];
    for (const name in value) {
      if (!Object.hasOwn(value, name)) continue;
      if (copies.length >= ENTRIES || !this.takes()) break;
      copies.push([
        this.text(name.slice(0, NAME_LIMIT)),
        isSecretName(name) ? HIDDEN : this.field(value, name, depth),
      ]);
    }
    return Object.fromEntries(copies);
  }

  /** Its getter may throw, and the other fields are there nevertheless. */
  private field(value: object, name: string, depth: number): unknown {
    try {
      return this.of((value as Record<string, unknown>)[name], depth + 1);
    } catch (error) {
      return this.of(error, depth + 1);
    }
  }

  private takes(): boolean {
    return this.entries-- > 0;
  }
}
