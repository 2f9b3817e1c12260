// Senders and handlers of a contract, as far as the sources of the services tell: for those whom a
// change concerns.
import fs from 'node:fs';
import path from 'node:path';

const TEST = /\.(?:spec|fixture|trial|test-d)\.ts$/;
const CONTRACTS_IMPORT = /import\s+(?!type\b)\{([^}]*)\}\s+from\s+'@contracts\/[a-z-]+'/g;

/**
 * @param {string} app
 * @param {string} root
 */
function sourcesOf(app, root) {
  const folder = path.join(root, 'apps', app, 'src');
  if (!fs.existsSync(folder)) return [];
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !TEST.test(file));
  return files.map((file) => fs.readFileSync(path.join(folder, file), 'utf8'));
}

/**
 * @param {string} source
 * @param {string} name
 */
const isNamed = (source, name) =>
  [...source.matchAll(CONTRACTS_IMPORT)].some(([, names]) =>
    (names ?? '').split(',').some((one) => one.trim() === name),
  );

const HANDLING = '\\b(?:Handles|on|startsOn)\\(\\s*';

/**
 * `@Handles(OrderPlaced)`, `.on(OrderPlaced, …)` of a saga.
 * @param {string} source
 * @param {string} name
 */
const handles = (source, name) => new RegExp(`${HANDLING}${name}\\b`).test(source);

/**
 * Any other use than handling it, as a type, and in the import: `send(ShipOrder, …)`, or by way of
 * a function of its own.
 * @param {string} source
 * @param {string} name
 */
function says(source, name) {
  const others = [
    CONTRACTS_IMPORT,
    new RegExp(`${HANDLING}${name}\\b`, 'g'),
    new RegExp(`:\\s*${name}\\b`, 'g'),
  ];
  return new RegExp(`\\b${name}\\b`).test(
    others.reduce((rest, other) => rest.replace(other, ''), source),
  );
}

/**
 * `{ said: ['orders'], handled: ['inventory'] }`, by service, as the sources below `root` have it.
 * @param {{ name: string, kind: string, exported: string }} contract
 * @param {string[]} services
 * @param {string} [root]
 */
export function usersOf({ name, kind, exported }, services, root = '.') {
  const owner = name.split('.')[0];
  const sources = services.map((service) => ({
    service,
    files: sourcesOf(service, root).filter((source) => isNamed(source, exported)),
  }));
  const handlers = sources
    .filter(({ files }) => files.some((source) => handles(source, exported)))
    .map(({ service }) => service);
  const reported = kind === 'event' || kind === 'broadcast';
  /** @param {{ service: string, files: string[] }} one */
  const isSaid = ({ service, files }) =>
    reported
      ? service === owner
      : !(kind === 'call' && service === owner) && files.some((source) => says(source, exported));
  return { sent: sources.filter(isSaid).map(({ service }) => service), handled: handlers };
}
