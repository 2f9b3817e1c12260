import type { z } from 'zod';

/** Deeper than any honest message, shallower than what makes recursive code run out of stack. */
const MAX_DEPTH = 64;
/** Issues kept of one bad message: a hundred thousand bad items must not become a twelve megabyte error. */
export const MAX_ISSUES = 20;

/** A payload that is not what its contract says. Trying again cannot help. */
export class InvalidMessage extends Error {
  override readonly name = 'InvalidMessage';
  constructor(
    readonly contract: string,
    readonly issues: readonly Issue[],
  ) {
    super(`${contract}: ${issues.map(({ path, message }) => `${path || 'message'} ${message}`).join('; ')}`);
  }
}

export interface Issue {
  /** `lines.0.quantity` */
  readonly path: string;
  readonly message: string;
}

/** The payload as its contract's schema sees it, unknown fields dropped. */
export function validate<T>(contract: string, schema: z.ZodType<T>, payload: unknown): T {
  const result = schema.safeParse(payload);
  if (result.success) return result.data;
  throw new InvalidMessage(
    contract,
    result.error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({ path: path.join('.'), message })),
  );
}

export const encode = (payload: unknown): Buffer => Buffer.from(JSON.stringify(payload), 'utf8');

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses JSON that anybody may have written. */
export function decode(contract: string, body: Buffer): unknown {
  if (depthOf(body) > MAX_DEPTH) throw new InvalidMessage(contract, [{ path: '', message: `is nested deeper than ${MAX_DEPTH} levels` }]);
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    throw new InvalidMessage(contract, [{ path: '', message: `is not JSON in UTF-8 (${(error as Error).message.slice(0, 200)})` }]);
  }
}

/** Counts brackets outside strings before anything recursive sees them; stops once it is too deep. */
export function depthOf(json: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      deepest = Math.max(deepest, ++depth);
      if (deepest > MAX_DEPTH) return deepest;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = Buffer.from('"\\{}[]');
