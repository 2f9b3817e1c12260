/**
 * Texts by name. Several under one name are joined, as in HTTP: so none of them is taken for all,
 * and two ids are no id.
 */
export function joinedByName(
  pairs: Iterable<readonly [name: string, text: string]>,
): Record<string, string> {
  const texts = new Map<string, string>();
  for (const [name, text] of pairs) {
    const before = texts.get(name);
    texts.set(name, before === undefined ? text : `${before}, ${text}`);
  }
  return Object.fromEntries(texts);
}
