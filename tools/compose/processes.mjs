// The containers of the processes in topology.ts.
import { httpPort, ownersCalled, topology } from '../topology/topology.mjs';
import { databaseUrl, indented, optional } from './variables.mjs';

/** @import { Process } from '../../topology.js' */

/** Each container has its own ports: every service may use the same. */
const HTTP = 3000;
const OPERATIONS = 9000;
export const CALLS = 5000;

/**
 * Ports that people outside of the containers reach. Metrics and operations are elsewhere.
 * @param {Process} process
 */
const isPublished = ({ name, place }) => place === 'edge' || name === 'console';

/** @param {Process} process */
const keepsFiles = ({ place, outside = [] }) => place === 'outside' || outside.includes('mail');

/** The volumes of processes that keep files. */
export const fileVolumes = () => topology.filter(keepsFiles).map(({ name }) => name);

function operationsUrls() {
  const inside = topology.filter(({ place }) => place !== 'outside');
  /** @param {Process} process */
  const url = (process) => `http://${process.name}:${isPublished(process) ? OPERATIONS : HTTP}`;
  return JSON.stringify(
    Object.fromEntries(inside.map((process) => [process.name, [url(process)]])),
  );
}

/** Variables that an administrator may set; empty counts as missing. */
const OF_EVERY_SERVICE = ['OPERATORS_ISSUER', 'OPERATORS_AUDIENCE', 'OPERATORS_JWKS_URL'];
const OF_THE_GATEWAY = [
  'AUTH_ISSUER',
  'AUTH_AUDIENCE',
  'AUTH_JWKS_URL',
  'GUEST_TOKENS_KEY',
  'RATE_LIMIT_READS',
  'RATE_LIMIT_WRITES',
  'RATE_LIMIT_URL',
  'TRUSTED_PROXIES',
  'CORS_ORIGINS',
];

/** @param {Process} process */
function environment(process) {
  const { name, place, data, answersCalls, outside = [] } = process;
  return [
    ...(data ? [`DATABASE_URL: ${databaseUrl(name)}`] : []),
    ...(answersCalls ? [`CALLS_PORT: '${CALLS}'`] : []),
    ...(isPublished(process)
      ? [`OPERATIONS_PORT: '${OPERATIONS}'`, "OPERATIONS_HOST: '::'"] // in the network of the services
      : []),
    ...(place === 'outside' ? [] : [`ALLOWED_HOSTS: ${name}`]), // as the console calls it
    ...(outside.includes('payment-provider')
      ? [`PAYMENT_PROVIDER_URL: http://payment-provider:${HTTP}`]
      : []),
    ...(outside.includes('mail')
      ? [`MAIL_URL: ${optional('PARLEY_MAIL_URL', 'file:///data/mail')}`]
      : []),
    ...[
      ...(name === 'gateway' ? OF_THE_GATEWAY : []),
      ...(place === 'outside' ? [] : OF_EVERY_SERVICE),
    ].map((variable) => `${variable}: ${optional(variable)}`),
    ...(name === 'console' ? [`OPERATIONS_URLS: '${operationsUrls()}'`] : []),
  ];
}

/**
 * A service that is called is ready before its callers start, and stops after them.
 * @param {Process} process
 */
function dependencies(process) {
  const { data, outside = [] } = process;
  const others = [
    ...ownersCalled(process),
    ...outside.filter((name) => topology.some((process) => process.name === name)),
  ];
  return [
    ...(data ? ['<<: *stores'] : []),
    ...others.map((name) => `${name}: { condition: service_healthy }`),
  ];
}

/**
 * @param {string} name
 * @param {string[]} lines
 */
const section = (name, lines) => (lines.length ? [`    ${name}:\n${indented(lines, 6)}`] : []);

/** @param {Process} process */
function container(process) {
  const { name, purpose } = process;
  const port = optional(`PARLEY_${name.toUpperCase()}_PORT`, httpPort(process, 0));
  return [
    `  # ${purpose}\n  ${name}:\n    <<: *service`,
    `    command: [node, dist/apps/${name}/src/main.js]`,
    `    environment:\n${indented(['<<: *environment', ...environment(process)], 6)}`,
    ...section('depends_on', dependencies(process)),
    ...(isPublished(process) ? [`    ports: ['127.0.0.1:${port}:${HTTP}']`] : []),
    ...(keepsFiles(process) ? [`    volumes: ['${name}:/data']`] : []),
  ].join('\n');
}

export const processes = () => topology.map(container);
