import { z } from 'zod';

/**
 * Text a person typed: trimmed, 1 to `max` characters, well-formed Unicode, no control characters.
 * Half a surrogate pair would not survive UTF-8, and PostgreSQL refuses NUL.
 */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'is empty')
    .max(max, `is longer than ${max} characters`)
    .refine((value) => isWellFormed(value), 'holds half of a surrogate pair')
    .refine((value) => !CONTROL.test(value), 'holds a control character');

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** `String.prototype.isWellFormed`, which the ES2023 library does not know yet. */
const isWellFormed = (value: string): boolean => !/\p{Surrogate}/u.test(value);
