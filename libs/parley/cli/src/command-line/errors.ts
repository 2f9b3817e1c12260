/** A mistake in what was typed; shown with the help of its command. The exit code is 2. */
export class UsageError extends Error {}

/** A request that the system refused or did not answer. The exit code is 1. */
export class RefusedError extends Error {
  constructor(
    message: string,
    /** HTTP status, when something answered. */
    readonly status?: number,
  ) {
    super(message);
  }
}
