import type { ErrorCodeOf, ErrorDetails, Question } from '@parley/contract';
import type { z } from 'zod';
import type { CallFault } from '../ports/call-transport';

/**
 * A call's answer that is an error. A handler throws one with a code of its contract; the caller
 * gets the same class, or one with a code of the kit's own ('invalid-request', 'unhandled' …).
 */
export class CallError<C extends Question = Question, Code extends string = string> extends Error {
  override readonly name = 'CallError';

  constructor(
    readonly contract: C,
    readonly code: Code,
    readonly details: ErrorDetails<C, Code>,
    message = `${contract.name} was answered with ${code}`,
  ) {
    super(message);
  }

  /** True when it is this error of this contract; then `details` is typed. */
  static is<C extends Question, Code extends ErrorCodeOf<C>>(
    error: unknown,
    contract: C,
    code: Code,
  ): error is CallError<C, Code> {
    return (
      error instanceof CallError && error.contract.name === contract.name && error.code === code
    );
  }
}

/** The error for the caller, made of the fault on the wire. */
export function callError(contract: Question, { code, details, message }: CallFault): CallError {
  const schema = Object.hasOwn(contract.errors, code) ? contract.errors[code] : undefined;
  return new CallError(
    contract,
    code,
    (schema ? inTypes(schema, details) : details) as never,
    `${contract.name}: ${message} (${code})`,
  );
}

/**
 * Details by the contract's schema, with dates as Dates. Details that break the schema stay as
 * received: the error itself is worth more.
 */
function inTypes(schema: z.ZodType, details: unknown): unknown {
  const { success, data } = schema.safeParse(details);
  return success ? data : details;
}
