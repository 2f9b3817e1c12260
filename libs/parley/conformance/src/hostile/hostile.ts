import { randomUUID } from 'node:crypto';

/*
 * Hostile and broken messages: one list for every way in. Imports Node's own modules only, so that
 * attacks on a running system can use it, too.
 */

/** A message that is in order, and its places that hostile ones change: `lines.0.quantity`. */
export interface Good {
  readonly payload: object;
  /** A text of at most 200 characters without control characters. */
  readonly text: string;
  /** A UUID. */
  readonly id?: string;
  /** A whole number from 1 to at most 2^31. */
  readonly number: string;
  /** A list of at most 100 objects, with one in it. */
  readonly list: string;
}

/** Attributes as a technology carries them; bytes, where even those are the attacker's to write. */
export type Attributes = Readonly<Record<string, unknown>>;

/**
 * The required outcome. `refused`: by the sender, or as a dead letter; the reason contains this
 * text (`@text` and the like stand for the field's name). `taken`: handled like any other message,
 * with no further effect.
 */
export type Expected = { readonly refused: string } | 'taken';

export interface Hostile {
  readonly class:
    | 'decode'
    | 'depth'
    | 'size'
    | 'prototype'
    | 'number'
    | 'text'
    | 'schema'
    | 'identity'
    | 'version'
    | 'time'
    | 'trace'
    | 'headers'
    | 'cpu';
  readonly item: string;
  /** The body, if it is the hostile part. */
  readonly body?: (good: Good) => Buffer;
  /**
   * The attributes, if they are, made from good ones. Bytes only where the attacker writes into a
   * table.
   */
  readonly attributes?: (good: Attributes) => Attributes | Buffer;
  readonly expected: Expected;
  /** Where unknown fields are refused: at the edge. */
  readonly strictly?: Expected;
  /**
   * Where the way in is a call: its type is the method's, it has a deadline instead of a time to
   * expire, and one without an id gets one.
   */
  readonly called?: Expected;
}

const MARK = '\u0001here\u0001';

/** The good message as JSON, with this text where that place was. */
function put({ payload }: Good, place: string, json: string): string {
  const copy = structuredClone(payload) as Record<string, unknown>;
  const names = place.split('.');
  const last = names.pop()!;
  const parent = names.reduce<Record<string, unknown>>(
    (part, name) => part[name] as Record<string, unknown>,
    copy,
  );
  parent[last] = MARK;
  return JSON.stringify(copy).replace(JSON.stringify(MARK), () => json);
}

/** The good message with one more field, first or last. */
const extra = ({ payload }: Good, field: string): string =>
  `{${field},${JSON.stringify(payload).slice(1)}`;
const nested = (depth: number, open = '[', close = ']'): string =>
  open.repeat(depth) + close.repeat(depth);
const at = (place: 'text' | 'id' | 'number' | 'list', json: string) => (good: Good) =>
  Buffer.from(put(good, good[place] ?? good.text, json));
const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
  );

const decode = (item: string, body: Hostile['body'], why = 'is not JSON in UTF-8'): Hostile => ({
  class: 'decode',
  item,
  body,
  expected: { refused: why },
});
const deep = (depth: number, sort: string, body: (good: Good) => string): Hostile => ({
  class: 'depth',
  item: `${depth} levels of ${sort}`,
  body: (good) => Buffer.from(body(good)),
  expected: { refused: 'nested deeper than 64 levels' },
});
const wrong = (
  kind: Hostile['class'],
  item: string,
  place: 'text' | 'id' | 'number' | 'list',
  json: string,
): Hostile => ({
  class: kind,
  item,
  body: at(place, json),
  expected: { refused: `@${place}` },
});
const fine = (
  kind: Hostile['class'],
  item: string,
  place: 'text' | 'number',
  json: string,
): Hostile => ({ class: kind, item, body: at(place, json), expected: 'taken' });
const surplus = (kind: Hostile['class'], item: string, name: string, json: string): Hostile => ({
  class: kind,
  item,
  body: (good) => Buffer.from(extra(good, `${JSON.stringify(name)}:${json}`)),
  expected: 'taken',
  strictly: { refused: name.slice(0, 20) },
});
const attribute = (
  kind: Hostile['class'],
  item: string,
  change: Attributes,
  expected: Expected,
  called: Expected = expected,
): Hostile => ({
  class: kind,
  item,
  attributes: (good) => ({ ...good, ...change }),
  expected,
  called,
});
const headers = (item: string, written: string | Buffer): Hostile => ({
  class: 'headers',
  item,
  attributes: () => Buffer.from(written),
  expected: { refused: 'headers cannot be read' },
});
const refused = (reason: string): Expected => ({ refused: reason });

/** A deflate bomb in one line of base64: ten megabytes of zeros. No code may unpack it. */
const GZIPPED_ZEROS = 'H4sIAAAAAAACA+3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA';
const THOUSAND_KEYS = (count: number): string =>
  Array.from({ length: count }, (_, n) => `"k${n}":${n}`).join(',');

export const HOSTILE: readonly Hostile[] = [
  decode('nothing at all', () => Buffer.alloc(0), ''),
  decode('space only', () => Buffer.from('   ')),
  decode('half an object', (good) => Buffer.from(JSON.stringify(good.payload).slice(0, -5))),
  decode('two values', (good) => Buffer.from(`${JSON.stringify(good.payload)} {}`)),
  {
    class: 'decode',
    item: 'a byte order mark',
    body: (good) => bytes([0xef, 0xbb, 0xbf], JSON.stringify(good.payload)),
    expected: 'taken',
  },
  decode('half a character', (good) =>
    Buffer.concat([Buffer.from(put(good, good.text, '"')), Buffer.from([0xc3])]),
  ),
  decode('an overlong slash', (good) => splice(good, [0xc0, 0xaf])),
  decode('a surrogate in UTF-8', (good) => splice(good, [0xed, 0xa0, 0x80])),
  decode('UTF-16', (good) => Buffer.from(JSON.stringify(good.payload), 'utf16le'), ''),
  decode('Protocol Buffers', () => bytes([0x0a, 0x05], 'hello', [0x10, 0x96, 0x01])),
  decode('gzip', () => Buffer.from(GZIPPED_ZEROS, 'base64')),
  decode('256 random-looking bytes', () =>
    Buffer.from(Array.from({ length: 256 }, (_, n) => (n * 167 + 13) % 256)),
  ),
  decode('a frame of another protocol', () => Buffer.from('999999999#{"pattern":"a","data":1}')),
  decode('NaN', at('number', 'NaN')),
  decode('-Infinity', at('number', '-Infinity')),
  decode('a comment', at('number', '1 /* one */')),
  decode('a raw NUL in a text', (good) => splice(good, [0])),
  decode('a raw line break in a text', (good) => splice(good, [0x0d, 0x0a])),

  ...[65, 1_000, 3_000, 20_000, 100_000, 200_000].flatMap((depth) => [
    deep(depth, 'lists', (good) => put(good, good.text, nested(depth))),
    deep(depth, 'objects', (good) =>
      put(good, good.text, `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
    ),
  ]),
  deep(200_000, 'lists that are never closed', () => '['.repeat(200_000)),
  {
    class: 'depth',
    item: '64 levels in a text',
    body: at('text', JSON.stringify(nested(64))),
    expected: 'taken',
  },

  wrong('size', 'a text of 10 MB', 'text', JSON.stringify('x'.repeat(10_000_000))),
  {
    class: 'size',
    item: 'a list of 1,000,000 items',
    body: (good) => Buffer.from(put(good, good.list, `[${'0,'.repeat(999_999)}0]`)),
    expected: refused('more than 100000 values'),
  },
  wrong('size', 'a list of 90,000 wrong items', 'list', `[${'0,'.repeat(89_999)}0]`),
  {
    class: 'size',
    item: '90,000 fields too many',
    body: (good) => Buffer.from(extra(good, THOUSAND_KEYS(90_000))),
    expected: 'taken',
    strictly: refused('k0'),
  },
  {
    class: 'size',
    item: '9,000 fields too many',
    body: (good) => Buffer.from(extra(good, THOUSAND_KEYS(9_000))),
    expected: 'taken',
    strictly: refused('k0'),
  },
  surplus('size', 'a field with a name of 100 KB', 'n'.repeat(100_000), '1'),

  surplus('prototype', '__proto__', '__proto__', '{"polluted":true,"toString":1}'),
  surplus('prototype', 'constructor.prototype', 'constructor', '{"prototype":{"polluted":true}}'),
  surplus('prototype', 'prototype', 'prototype', '{"polluted":true}'),
  surplus('prototype', 'hasOwnProperty', 'hasOwnProperty', '1'),
  surplus('prototype', 'then', 'then', '"thenable"'),
  wrong('prototype', '__proto__ for a number', 'number', '{"__proto__":1}'),

  wrong('number', '2^53 + 1', 'number', '9007199254740993'),
  wrong('number', '1e400', 'number', '1e400'),
  wrong('number', '-1e400', 'number', '-1e400'),
  wrong('number', '-1', 'number', '-1'),
  wrong('number', '-0', 'number', '-0'),
  wrong('number', '0.1', 'number', '0.1'),
  wrong('number', 'three decimals', 'number', '1.005'),
  wrong('number', '5e-324', 'number', '5e-324'),
  wrong('number', '"1e3"', 'number', '"1e3"'),
  wrong('number', 'true', 'number', 'true'),
  wrong('number', 'null', 'number', 'null'),
  wrong('number', '[1]', 'number', '[1]'),
  wrong('number', '30,000 digits', 'number', '9'.repeat(30_000)),

  wrong('text', 'NUL', 'text', '"a\\u0000b"'),
  wrong('text', 'the first half of a pair', 'text', '"a\\ud800b"'),
  wrong('text', 'the second half of a pair', 'text', '"\\udfff"'),
  wrong(
    'text',
    'a line break that forges a log entry',
    'text',
    '"Ada\\r\\n{\\"level\\":\\"error\\",\\"msg\\":\\"forged\\"}"',
  ),
  wrong('text', 'an escape sequence of terminals', 'text', '"\\u001b[2J\\u001b]0;owned\\u0007"'),
  wrong('text', 'space only', 'text', '"   "'),
  wrong('text', '201 characters', 'text', JSON.stringify('x'.repeat(201))),
  wrong('text', 'an object for a text', 'text', '{"toString":"x","length":5}'),
  fine('text', 'right to left, and without width', 'text', '"a\u202e\u200b\u2066cba"'),
  fine('text', 'SQL', 'text', JSON.stringify(`Robert'); drop table parley.message; --`)),
  fine(
    'text',
    'HTML',
    'text',
    JSON.stringify('<script>alert(1)</script><img src=x onerror=alert(1)>'),
  ),
  fine('text', 'a template', 'text', '"${jndi:ldap://127.0.0.1/a} {{7*7}} %s%n #{1}"'),
  fine('text', 'a formula of spreadsheets', 'text', JSON.stringify(`=cmd|' /C calc'!A0`)),
  fine('text', '200 letters outside of the first plane', 'text', JSON.stringify('🫖'.repeat(100))),

  wrong('schema', 'null for a text', 'text', 'null'),
  wrong('schema', 'an object for a list', 'list', '{"0":{},"length":1}'),
  wrong('schema', 'a list of null', 'list', '[null]'),
  wrong('schema', 'a list of lists', 'list', '[[[]]]'),
  {
    class: 'schema',
    item: 'a field missing',
    body: (good) =>
      Buffer.from(
        put(good, good.text, 'null')
          .replace(/"[^"]*":null,?/, '')
          .replace(/,}/, '}'),
      ),
    expected: refused('@text'),
  },
  {
    class: 'schema',
    item: 'no object at all',
    body: () => Buffer.from('null'),
    expected: refused(''),
  },
  {
    class: 'schema',
    item: 'a list instead',
    body: (good) => Buffer.from(`[${JSON.stringify(good.payload)}]`),
    expected: refused(''),
  },
  {
    class: 'schema',
    item: 'a field twice, the last one wrong',
    body: (good) => Buffer.from(twice(good)),
    expected: refused(''),
  },
  surplus('schema', 'a field too many', 'admin', 'true'),
  wrong('schema', 'no UUID', 'id', '"../../etc/passwd"'),

  wrong(
    'cpu',
    'a long almost-UUID',
    'id',
    JSON.stringify(`${'a'.repeat(8)}-${'0000-'.repeat(20_000)}!`),
  ),
  wrong(
    'cpu',
    'a long almost-date',
    'text',
    JSON.stringify(`${'2026-01-01T00:00:00.'.repeat(10)}${'0'.repeat(100_000)}!`),
  ),
  wrong('cpu', 'space, and no end of it', 'text', JSON.stringify(`a${' \t'.repeat(60_000)}b`)),
  wrong('cpu', 'backslashes', 'text', JSON.stringify('\\'.repeat(80_000))),

  attribute(
    'cpu',
    'a type of 60,000 letters',
    { type: 'a'.repeat(60_000) },
    refused('type is longer than 1024'),
    'taken',
  ),

  attribute('identity', 'no id', { id: undefined }, refused('id is not a UUID'), 'taken'),
  attribute('identity', 'an empty id', { id: '' }, refused('id is not a UUID')),
  attribute('identity', 'an id of space', { id: ' ' }, refused('id is not a UUID')),
  attribute('identity', 'an id of 10 KB', { id: '7'.repeat(10_240) }, refused('id is not a UUID')),
  attribute('identity', 'an id that is SQL', { id: `' or 1=1; --` }, refused('id is not a UUID')),
  attribute(
    'identity',
    'a source of 10 KB',
    { source: '/s'.repeat(5_000) },
    refused('source is longer than 1024'),
  ),
  attribute(
    'identity',
    'a key of 10 KB',
    { partitionkey: 'k'.repeat(10_240) },
    refused('partitionkey is longer than 1024'),
  ),
  attribute(
    'identity',
    'a correlation of 10 KB',
    { correlationid: 'c'.repeat(10_240) },
    refused('correlationid is longer than 1024'),
  ),
  attribute(
    'identity',
    'a forged producer',
    { source: '/payments', producerinstance: 'payments-1', replyto: 'http://127.0.0.1:1/' },
    'taken',
  ),
  attribute(
    'identity',
    'a correlation that forges a log entry',
    { correlationid: 'a\r\n{"level":"error"}' },
    'taken',
  ),

  attribute('version', 'no type', { type: undefined }, refused('type names no contract'), 'taken'),
  attribute(
    'version',
    'a type of space',
    { type: '  ' },
    refused('type names no contract'),
    'taken',
  ),
  attribute(
    'version',
    'an unknown type',
    { type: 'nobody.knows-this' },
    refused('nobody.knows-this'),
    'taken',
  ),
  attribute(
    'version',
    'a type that every object has',
    { type: 'constructor' },
    refused('constructor'),
    'taken',
  ),
  attribute(
    'version',
    'a version that is none',
    { contractversion: 'latest' },
    refused('contractversion is not a version'),
  ),
  attribute(
    'version',
    'a negative version',
    { contractversion: '-1' },
    refused('contractversion is not a version'),
  ),
  attribute(
    'version',
    'a version of 300 digits',
    { contractversion: '9'.repeat(300) },
    refused('contractversion is not a version'),
  ),
  attribute(
    'version',
    'another CloudEvents',
    { specversion: '0.3' },
    refused('specversion is not 1.0'),
  ),
  attribute(
    'version',
    'another content type',
    { datacontenttype: 'application/xml' },
    refused('datacontenttype is not application/json'),
  ),

  attribute(
    'time',
    'expired',
    { expirytime: '2001-01-01T00:00:00Z' },
    refused('worth handling until 2001'),
    'taken',
  ),
  attribute(
    'time',
    'an expiry that nobody can read',
    { expirytime: 'tomorrow' },
    refused('expirytime is not a time'),
  ),
  attribute('time', 'from the year 9999', { time: '9999-12-31T23:59:59Z' }, 'taken'),
  attribute('time', 'from before everything', { time: '-271821-04-20T00:00:00.000Z' }, 'taken'),
  attribute('time', 'from no time at all', { time: 'yesterday' }, 'taken'),

  attribute('trace', 'a trace that is none', { traceparent: '00-zz-zz-zz' }, 'taken'),
  attribute('trace', 'a trace of 10 KB', { traceparent: '00-'.repeat(3_400) }, 'taken'),
  attribute('trace', 'baggage of 16 KB', { baggage: 'a=b,'.repeat(4_000) }, 'taken'),
  {
    class: 'trace',
    item: '100 attributes that nobody knows',
    attributes: (good) => ({
      ...good,
      ...Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x${n}`, 'v'])),
    }),
    expected: 'taken',
  },

  headers('nothing', ''),
  headers('null', 'null'),
  headers('a list', '[]'),
  headers('a text', '"id"'),
  headers('a number', '7'),
  headers('random bytes', Buffer.from([0xff, 0, 0x7b, 0xc3])),
  headers('half an object', '{"id":"'),
  headers('a number for the id', '{"id":7,"type":true}'),
  headers('an object for the type', `{"id":"${randomUUID()}","type":{"toString":"x"}}`),
  headers('3,000 levels', nested(3_000)),
  headers('200,000 levels in a value', `{"id":${nested(200_000)}}`),
  headers('1 MiB that is no JSON', 'h'.repeat(1024 * 1024)),
  {
    class: 'headers',
    item: '10,000 names',
    expected: 'taken',
    attributes: (good) =>
      Buffer.from(
        JSON.stringify({
          ...good,
          ...Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`x${n}`, 'v'])),
        }),
      ),
  },
  {
    class: 'headers',
    item: 'one of 1 MiB',
    expected: 'taken',
    attributes: (good) => Buffer.from(JSON.stringify({ ...good, large: 'v'.repeat(1024 * 1024) })),
  },
  {
    class: 'headers',
    item: '__proto__',
    expected: 'taken',
    attributes: (good) => Buffer.from(`{"__proto__":"x",${JSON.stringify(good).slice(1)}`),
  },
];

/** The text that the reason must contain: the field's name replaces `@text` and the like. */
export const reasonOf = (good: Good, expected: { readonly refused: string }): string =>
  expected.refused.replace(
    /^@(\w+)$/,
    (_, place: 'text' | 'id' | 'number' | 'list') => good[place] ?? good.text,
  );

/** The good message with these bytes in the middle of its text. */
function splice(good: Good, middle: number[]): Buffer {
  const [before, after] = put(good, good.text, '"a~b"').split('~') as [string, string];
  return bytes(before, middle, after);
}

/** Two fields of one name: the later one counts; code that looks at the earlier one is deceived. */
function twice({ payload }: Good): string {
  const [name] = Object.keys(payload);
  return `${JSON.stringify(payload).slice(0, -1)},${JSON.stringify(name)}:{"second":true}}`;
}
