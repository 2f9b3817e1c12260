/**
 * Something of a service that people look into, beside its messages: `operations: { sagas:
 * SagaOperations }`.
 */
export interface InspectionProvider {
  /** @throws RangeError for a filter that means nothing, told to whoever asked */
  list(filter: Readonly<Record<string, string>>): Promise<readonly object[]>;
  /** What is named by the rest of the path. */
  find?(...key: string[]): Promise<object | undefined>;
}
