// Facts about a caught value: JavaScript lets anything be thrown.

/**
 * The code that Node, the operating system or PostgreSQL gave an error: `ENOENT`, `28P01`.
 * @param {unknown} error
 * @returns {string | undefined}
 */
export const codeOf = (error) =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** A mistake of the person at the keyboard: told in one sentence, without a stack. */
export class Mistake extends Error {}
