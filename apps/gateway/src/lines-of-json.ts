/** The media type of JSON with a line for each object. */
export const LINES_OF_JSON = 'application/x-ndjson';

/** Lines of items of which the first one was read already; leaving it ends the items. */
export async function* linesOf<T>(
  first: IteratorResult<T>,
  rest: AsyncIterableIterator<T>,
): AsyncGenerator<string> {
  try {
    for (let next = first; !next.done; next = await rest.next())
      yield `${JSON.stringify(next.value)}\n`;
  } finally {
    await rest.return?.();
  }
}
