// A request that sends and answers JSON, and fails with what the other side said.

/**
 * @typedef {object} RequestOptions
 * @property {string} [method] GET by default
 * @property {Record<string, string>} [headers]
 * @property {unknown} [body] sent as JSON
 * @property {number} [expect] the only status that is no failure, 200 by default
 * @property {number} [timeout] in milliseconds, 10,000 by default
 */

/**
 * @param {string} url
 * @param {RequestOptions} [options]
 */
export async function readJson(
  url,
  { method = 'GET', headers = {}, body, expect = 200, timeout = 10_000 } = {},
) {
  const json =
    body === undefined
      ? { headers }
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(url, { method, ...json, signal: AbortSignal.timeout(timeout) });
  const text = await response.text();
  if (response.status !== expect)
    throw new Error(`${method} ${url} answered ${response.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}
