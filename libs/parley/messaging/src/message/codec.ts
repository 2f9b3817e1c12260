import { wireForm, wireFormatOf } from '@parley/contract';
import { z } from 'zod';
import { difference, unwritable } from './wire-proof';
import type { Issue } from './issue';

/**
 * Deepest nesting: deeper than any honest message, shallower than the stack allows recursive code.
 */
const MAX_DEPTH = 64;
/**
 * Most values of a payload: more than any honest message holds. Each invalid one costs a validator
 * an issue.
 */
const MAX_VALUES = 100_000;
/**
 * Issues kept of one invalid message: a hundred thousand bad items must not become a twelve
 * megabyte error.
 */
export const MAX_ISSUES = 20;
/**
 * Characters kept of an issue's path and of its message: the sender chooses the names of fields.
 */
const MAX_ISSUE = 200;

/** A payload that breaks its contract. Trying again cannot help. */
export class InvalidMessageError extends Error {
  override readonly name = 'InvalidMessageError';
  constructor(
    readonly contract: string,
    readonly issues: readonly Issue[],
  ) {
    super(
      `${contract}: ${issues.map(({ path, message }) => `${path || 'message'} ${message}`).join('; ')}`,
    );
  }
}

/** The payload after validation by its contract's schema, unknown fields dropped. */
export function validate<T>(contract: string, schema: z.ZodType<T>, payload: unknown): T {
  const result = readable(contract, payload, () => schema.safeParse(payload));
  if (result.success) return result.data;
  throw new InvalidMessageError(contract, issuesOf(result.error));
}

/** A payload on its way out. */
export interface Prepared<T> {
  /** The payload as a handler will get it. */
  readonly payload: T;
  /** The payload as JSON holds it. */
  readonly wire: unknown;
  readonly body: Buffer;
}

/**
 * Validates a payload by its contract's schema and encodes it in bytes that every reader accepts. A
 * schema that is known to survive JSON needs no further check; for any other one the bytes are
 * parsed again, and compared.
 * @throws InvalidMessageError naming the path
 */
export function prepare<T>(contract: string, schema: z.ZodType<T>, given: unknown): Prepared<T> {
  const payload = validate(contract, schema, given);
  const { plain, encoded, depth } = wireFormatOf(schema);
  const wire = encoded ? encodedForm(contract, schema, payload) : payload;
  const body = Buffer.from(
    readable(contract, wire, () => JSON.stringify(wire)),
    'utf8',
  );
  if (!plain) prove(contract, schema, { payload, wire, body });
  else if (isLarge(body, depth)) refuseBeyondLimits(contract, body);
  return { payload, wire, body };
}

function encodedForm<T>(contract: string, schema: z.ZodType<T>, payload: T): unknown {
  try {
    return wireForm(schema, payload);
  } catch (error) {
    if (error instanceof z.ZodError) throw new InvalidMessageError(contract, issuesOf(error));
    throw new InvalidMessageError(contract, [
      { path: '', message: `cannot be encoded: ${shortened((error as Error).message)}` },
    ]);
  }
}

/** Does the readers' work at the sender: parses the bytes again and compares. */
function prove<T>(
  contract: string,
  schema: z.ZodType<T>,
  { payload, wire, body }: Prepared<T>,
): void {
  const read = decode(contract, body);
  const found = difference(wire, read) ?? difference(payload, validate(contract, schema, read));
  if (found)
    throw new InvalidMessageError(contract, [
      { path: shortened(found.path), message: shortened(found.message) },
    ]);
}

/**
 * Runs getters, `toJSON`, codecs and refinements, which are foreign code, on values that may
 * contain themselves: any error is reported with its path.
 */
function readable<T>(contract: string, payload: unknown, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { path, message } = unwritable(payload) ?? {
      path: '',
      message: `cannot be checked: ${error instanceof Error ? error.message : typeof error}`,
    };
    throw new InvalidMessageError(contract, [
      { path: shortened(path), message: shortened(message) },
    ]);
  }
}

/**
 * The first issues of a failed validation, each bounded. An unknown field has an issue of its own.
 */
export function issuesOf({ issues }: z.ZodError): Issue[] {
  return issues.slice(0, MAX_ISSUES).map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    return {
      path: shortened([...issue.path, ...unknown].join('.')),
      message: shortened(issue.message),
    };
  });
}

const shortened = (text: string): string =>
  text.length <= MAX_ISSUE ? text : `${text.slice(0, MAX_ISSUE)}…`;

export const encode = (payload: unknown): Buffer => Buffer.from(JSON.stringify(payload), 'utf8');

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses JSON from an unknown sender. */
export function decode(contract: string, body: Buffer): unknown {
  const refuse = (message: string) => new InvalidMessageError(contract, [{ path: '', message }]);
  refuseBeyondLimits(contract, body);
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    throw refuse(`is not JSON in UTF-8 (${(error as Error).message.slice(0, 200)})`);
  }
}

/** True when a body may exceed its readers' limits: nearly all are too short for it. */
const isLarge = ({ length }: Buffer, depth: number): boolean =>
  length > 2 * MAX_VALUES || (depth > MAX_DEPTH && length > 2 * MAX_DEPTH);

function refuseBeyondLimits(contract: string, body: Buffer): void {
  const { depth, values } = measure(body);
  if (depth > MAX_DEPTH)
    throw new InvalidMessageError(contract, [
      { path: '', message: `is nested deeper than ${MAX_DEPTH} levels` },
    ]);
  if (values > MAX_VALUES)
    throw new InvalidMessageError(contract, [
      { path: '', message: `holds more than ${MAX_VALUES} values` },
    ]);
}

/** How deep JSON is nested; stops once it is too deep. */
export const depthOf = (json: Buffer): number => measure(json).depth;

/**
 * Counts brackets and commas outside strings, before anything recursive sees them; stops once there
 * are too many.
 */
function measure(json: Buffer): { readonly depth: number; readonly values: number } {
  let level = 0;
  let depth = 0;
  let values = 1;
  for (let i = 0; i < json.length && depth <= MAX_DEPTH && values <= MAX_VALUES; i++) {
    const byte = json[i];
    if (byte === QUOTE) i = endOfString(json, i + 1);
    else if (byte === COMMA) values++;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth = Math.max(depth, ++level);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) level--;
  }
  return { depth, values };
}

/** Bytes of a string that are looked at one by one: a search costs more than most strings are long. */
const SHORT_STRING = 64;

/** The place of the quote that ends a string; the end of the document where none does. */
function endOfString(json: Buffer, start: number): number {
  for (let i = start; i < json.length; i++) {
    for (const near = i + SHORT_STRING; i < near; i++) {
      if (json[i] === BACKSLASH) i++;
      else if (json[i] === QUOTE) return i;
    }
    const from = i;
    i = json.indexOf(QUOTE, from);
    if (i < 0) return json.length;
    let escapes = i;
    while (escapes > from && json[escapes - 1] === BACKSLASH) escapes--;
    if ((i - escapes) % 2 === 0) return i;
  }
  return json.length;
}

const QUOTE = '"'.charCodeAt(0);
const [BACKSLASH, COMMA, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] =
  Buffer.from('\\,{}[]');
