// docker/.env: a password for everybody, and what carries messages. What is in it stays.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { passwordVariable, roles } from '../database/database.mjs';
import { technologyUrls, URL_VARIABLES } from '../topology/technologies.mjs';
import { brokerNames, BROKERS } from './brokers.mjs';
import { OBSERVE, TRACES_URL } from './observability.mjs';

/**
 * What is changed; undefined leaves it as it is.
 * @typedef {object} Wishes
 * @property {string[]} [on] what carries messages; postgres carries what nobody else does
 * @property {boolean} [observe] whether figures and traces are shown
 */

/**
 * @param {string} file
 * @returns {Record<string, string>}
 */
const readEnv = (file) =>
  fs.existsSync(file)
    ? Object.fromEntries(
        [...fs.readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [
          name,
          value,
        ]),
      )
    : {};

/** Letters, digits, - and _: they mean nothing in a URL, nor in .env. */
const password = () => randomBytes(24).toString('base64url');

/**
 * @param {Record<string, string>} kept
 * @returns {Record<string, string>}
 */
function passwords(kept) {
  const guarded = brokerNames().filter((name) => BROKERS[name]?.hasPassword);
  const variables = ['postgres', ...roles(), ...guarded, 'grafana'].map(passwordVariable);
  return Object.fromEntries(
    [...variables, 'OPERATIONS_TOKEN'].map((variable) => [variable, kept[variable] ?? password()]),
  );
}

/**
 * @param {string[]} on
 * @param {Record<string, string>} secret
 * @returns {Record<string, string>}
 */
function carriers(on, secret) {
  const urls = technologyUrls(
    on.filter((name) => name in BROKERS),
    (name) => BROKERS[name]?.address(secret[passwordVariable(name)] ?? '') ?? '',
  );
  return Object.fromEntries(
    URL_VARIABLES.map((variable) => [`PARLEY_${variable}`, urls[variable] ?? '']),
  );
}

/**
 * The profiles of Compose: what is not chosen now stays.
 * @param {Record<string, string>} kept
 * @param {Wishes} wishes
 */
function profiles(kept, { on, observe }) {
  const before = (kept['COMPOSE_PROFILES'] ?? '').split(',');
  const isObserved = observe ?? before.includes(OBSERVE);
  return [...(on ?? before).filter((name) => name in BROKERS), ...(isObserved ? [OBSERVE] : [])];
}

/**
 * @param {string} file
 * @param {Wishes} wishes
 * @returns a sentence that says what became of it
 */
export function writeEnv(file, { on, observe }) {
  const kept = readEnv(file);
  const secret = passwords(kept);
  const all = {
    ...kept,
    ...secret,
    ...(on ? carriers(on, secret) : {}),
    ...(observe === undefined ? {} : { PARLEY_TRACES_URL: observe ? TRACES_URL : '' }),
    ...(on || observe !== undefined
      ? { COMPOSE_PROFILES: profiles(kept, { on, observe }).join(',') }
      : {}),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\n`);
  fs.writeFileSync(file, lines.join(''), { mode: 0o600 });
  const added = Object.keys(secret).filter((name) => !(name in kept)).length;
  return `${file}: ${added ? `${added} passwords made` : 'every password was there'}; on ${all['COMPOSE_PROFILES'] || 'postgres'}`;
}
