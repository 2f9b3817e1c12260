/**
 * Something of a service that people look into, beside its messages: `operations: { sagas:
 * SagaOperations }`.
 */
export interface InspectionProvider {
  /** @throws RangeError for an invalid filter; its message is shown to the caller */
  list(filter: Readonly<Record<string, string>>): Promise<readonly object[]>;
  /** The entry that the rest of the path names. */
  find?(...key: string[]): Promise<object | undefined>;
  /**
   * What an operator asks for by POST, below its path. Undefined: there is nothing to change there.
   * @throws RangeError for a body that is not as it must be; its message is shown to the caller
   */
  change?(
    path: readonly string[],
    body: unknown,
    who: string,
  ): Promise<{ readonly status: number; readonly body: object } | undefined>;
}
