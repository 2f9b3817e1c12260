/**
 * Headers of which a request has one at most, by the names that people know. Node joins the values
 * of some that come twice and drops all but the first of others; either way two readers of one
 * request could see two different things.
 */
const SINGLE: ReadonlyMap<string, string> = new Map(
  [
    'Authorization',
    'Content-Encoding',
    'Content-Length',
    'Content-Type',
    'Host',
    'Idempotency-Key',
    'If-Match',
    'Last-Event-ID',
    'Origin',
    'Traceparent',
    'X-Operator',
  ].map((name) => [name.toLowerCase(), name]),
);

/**
 * A header that must be one and comes twice. @param raw names and values in turn, as Node has them
 * in `rawHeaders`
 */
export function repeatedHeader(raw: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return SINGLE.get(name);
    seen.add(name);
  }
  return undefined;
}
