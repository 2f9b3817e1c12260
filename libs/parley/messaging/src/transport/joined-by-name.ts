/**
 * Texts by name. Several texts of one name are joined by a comma, as in HTTP: two ids then make an
 * invalid id, instead of one of them being taken.
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
