// .data/login-<audience>.json: the token of the last log-in on this machine. Mode 600.
import fs from 'node:fs';

/** @import { Audience } from './identity-provider.mjs' */
/** @import { Token } from './device-login.mjs' */

/** @param {Audience} audience */
const fileOf = (audience) => `.data/login-${audience}.json`;

/**
 * Undefined without a log-in, or when the token has expired.
 * @param {Audience} audience
 * @returns {string | undefined}
 */
export function loginToken(audience) {
  try {
    /** @type {Token} */
    const { token, expiresAt } = JSON.parse(fs.readFileSync(fileOf(audience), 'utf8'));
    const timeOfDay = Date.now();
    return Date.parse(expiresAt) > timeOfDay ? token : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {Audience} audience
 * @param {Token} login
 */
export function keepLogin(audience, login) {
  const file = fileOf(audience);
  fs.mkdirSync('.data', { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${file}.new`, JSON.stringify(login), { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
  return file;
}

/** For a start, which has new keys: tokens of an earlier start are not valid any more. */
export function forgetLogins() {
  for (const audience of /** @type {const} */ (['shop', 'operations']))
    fs.rmSync(fileOf(audience), { force: true });
}
