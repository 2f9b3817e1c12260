import type { Call, ErrorCodeOf, ErrorDetails } from '@parley/contract';
import type { Fault } from './calls';

/**
 * A call's answer that is an error. A handler throws one with a code of its contract; the caller gets the same class, or one
 * with a code of the kit's own ('invalid-request', 'unhandled' …).
 */
export class CallError<C extends Call = Call, Code extends string = string> extends Error {
  override readonly name = 'CallError';

  constructor(
    readonly contract: C,
    readonly code: Code,
    readonly details: ErrorDetails<C, Code>,
    message = `${contract.name} was answered with ${code}`,
  ) {
    super(message);
  }

  /** Whether it is this error of this contract; then `details` is typed. */
  static is<C extends Call, Code extends ErrorCodeOf<C>>(error: unknown, contract: C, code: Code): error is CallError<C, Code> {
    return error instanceof CallError && error.contract.name === contract.name && error.code === code;
  }
}

/** As the caller sees what crossed the wire. */
export const callError = (contract: Call, { code, details, message }: Fault): CallError =>
  new CallError(contract, code, details as never, `${contract.name}: ${message} (${code})`);
