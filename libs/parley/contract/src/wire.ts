/*
 * Values that JSON has no form for, as text on the wire. A sender hands in the value or its text, a
 * handler gets the value:
 *
 *   event('ledger.amount-booked', z.object({ account: z.string(), at: wire.date(), amount: wire.decimal(2) }), { key: 'account' });
 */
import { z } from 'zod';
import { ContractError } from './contract-error';

/**
 * Digits of the largest integer: reading a text of digits takes time that grows with the square of
 * its length.
 */
const MAX_DIGITS = 1_000;
const MAX_PLACES = 30;

interface Forms<Value> {
  /** Parses a text that the schema accepted. */
  readonly decode: (text: string) => Value;
  /**
   * The result must be accepted by the schema of the text, or the value is refused where it is
   * sent.
   */
  readonly encode: (value: Value) => string;
}

/** The schema of the text, by the schema that accepts both forms. */
const texts = new WeakMap<z.core.$ZodType, z.ZodType<string, string>>();

/**
 * The schema of the text on the wire, where this schema accepts both forms. Returns undefined
 * for all other schemas.
 */
export const textFormOf = (schema: z.core.$ZodType): z.ZodType<string, string> | undefined =>
  texts.get(schema);

/** A value of any class as text. JSON Schema shows `text`; `value` is checked at both ends. */
function codec<Value>(
  text: z.ZodType<string, string>,
  value: z.ZodType<Value, Value>,
  { decode, encode }: Forms<Value>,
) {
  const either = z.union([value, text]);
  texts.set(either, text);
  return z.codec(either, value, {
    decode: (given) => (typeof given === 'string' ? decode(given) : given),
    encode,
  });
}

/** A `Date`, to the millisecond, in the years 0 to 9999: `2026-01-31T12:00:00.000Z`. */
const date = () =>
  codec<Date>(z.iso.datetime({ offset: true }), z.date(), {
    decode: (text) => new Date(text),
    encode: (value) => value.toISOString(),
  });

/** A whole number of any size as a `bigint`, up to 1,000 digits: `-12345678901234567890`. */
const bigint = () =>
  codec<bigint>(
    z
      .string()
      .regex(/^(?:0|-?[1-9]\d*)$/)
      .max(MAX_DIGITS),
    z.bigint(),
    { decode: (digits) => BigInt(digits), encode: (value) => String(value) },
  );

/**
 * A decimal number, exact, as a `bigint` of its smallest unit: with two places `1234n` is
 * `12.34`. For amounts of money that outgrow a safe integer, or that other systems expect as
 * text.
 * @param places digits after the point, 1 to 30
 * @throws ContractError for another number of places
 */
function decimal(places: number) {
  if (!Number.isInteger(places) || places < 1 || places > MAX_PLACES) {
    throw new ContractError(
      `wire.decimal(${places}): give 1 to ${MAX_PLACES} places after the point; for whole numbers there is wire.bigint()`,
    );
  }
  const text = z
    .string()
    .regex(new RegExp(`^-?(?:0|[1-9]\\d*)\\.\\d{${places}}$`))
    .max(MAX_DIGITS);
  return codec<bigint>(text, z.bigint(), {
    decode: (written) => BigInt(written.replace('.', '')),
    encode: (units) => pointed(units, places),
  });
}

function pointed(units: bigint, places: number): string {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

export const wire = { date, bigint, decimal, codec } as const;
