/** Letters of a word that count: the index holds no longer ones. */
const LONGEST = 64;
/** Words of one body that can be searched for. */
const MOST = 300;

const WORD = /[\p{L}\p{N}][\p{L}\p{N}_.@:+-]*/gu;
const PART = /[\p{L}\p{N}_]+/gu;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/**
 * The words of the values in a body of JSON, in small letters: `SKU-12` is a word, and so are its
 * parts; a UUID is one word. Names of fields, which all of its kind share, are none.
 */
export function wordsIn(body: string): readonly string[] {
  const words = new Set<string>();
  try {
    collectValue(JSON.parse(body), words, 0);
  } catch {
    collect(body, words);
  }
  return [...words];
}

/**
 * The search for messages that have all words of a text, each as a word or the beginning of one.
 * Undefined: there is no word in it.
 */
export function queryOf(text: string): string | undefined {
  const words = [...text.toLowerCase().matchAll(WORD)].map(([word]) => trimmed(word));
  const known = words.filter((word) => word !== '').slice(0, MOST);
  return known.length === 0 ? undefined : known.map((word) => `'${word}':*`).join(' & ');
}

function collectValue(value: unknown, words: Set<string>, depth: number): void {
  if (words.size >= MOST || depth > 12) return;
  if (typeof value === 'string') collect(value, words);
  else if (typeof value === 'number') words.add(String(value));
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) collectValue(inner, words, depth + 1);
}

function collect(text: string, words: Set<string>): void {
  for (const [found] of text.toLowerCase().matchAll(WORD)) {
    if (words.size >= MOST) return;
    const word = trimmed(found);
    if (word === '') continue;
    words.add(word);
    if (!/[.@:+-]/.test(word) || UUID.test(word)) continue;
    for (const [part] of word.matchAll(PART)) if (words.size < MOST) words.add(part);
  }
}

/** The part that counts, without the full stop of a sentence. */
function trimmed(word: string): string {
  let end = Math.min(word.length, LONGEST);
  while ('.@:+-'.includes(word.charAt(end - 1)) && end > 0) end--;
  return word.slice(0, end);
}
