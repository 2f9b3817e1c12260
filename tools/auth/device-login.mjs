// The device flow (RFC 8628): a terminal shows a code, a browser on any machine logs in, the
// terminal gets the token.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} DeviceLogin
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} audience of the token
 */

/**
 * @typedef {object} Token
 * @property {string} token
 * @property {string} expiresAt ISO 8601
 */

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/**
 * @param {DeviceLogin} login
 * @param {(place: { url: string, code: string }) => void} show shows the address and the code
 * @returns {Promise<Token>}
 * @throws when the code expires, or the log-in is refused
 */
export async function logIn({ issuer, clientId, audience }, show) {
  const { device_authorization_endpoint, token_endpoint } = await read(
    await fetch(`${issuer}/.well-known/openid-configuration`),
  );
  const asked = await read(
    await post(device_authorization_endpoint, {
      client_id: clientId,
      scope: 'openid',
      resource: audience,
    }),
  );
  show({ url: asked.verification_uri_complete ?? asked.verification_uri, code: asked.user_code });
  for (let interval = asked.interval ?? 5; ;) {
    await sleep(interval * 1_000);
    const answer = await post(token_endpoint, {
      grant_type: GRANT,
      device_code: asked.device_code,
      client_id: clientId,
    });
    /** @type {{ access_token: string, expires_in: number, error?: string, error_description?: string }} */
    const body = JSON.parse(await answer.text());
    const timeOfDay = Date.now();
    if (answer.ok)
      return {
        token: body.access_token,
        expiresAt: new Date(timeOfDay + body.expires_in * 1_000).toISOString(),
      };
    if (body.error === 'slow_down') interval += 5;
    else if (body.error !== 'authorization_pending')
      throw new Error(body.error_description ?? body.error);
  }
}

/**
 * @param {string} url
 * @param {Record<string, string>} form
 */
const post = (url, form) => fetch(url, { method: 'POST', body: new URLSearchParams(form) });

/** @param {Response} response */
async function read(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
