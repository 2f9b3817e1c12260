// The environment of a process, from topology.ts, as an orchestrator would set it in production.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { portOf } from '../terminal/command-line.mjs';
import { CALL_TECHNOLOGIES, technologyUrls } from './technologies.mjs';
import {
  callsAllowed,
  callsPort,
  httpPort,
  instanceName,
  operationsPort,
  PORTS,
  topology,
} from './topology.mjs';

/** @import { Process, ProcessName } from '../../topology.js' */

/**
 * Instances by the name of their process, where their number differs from the topology's.
 * @typedef {Record<string, number>} Scale
 */

/** @typedef {ReturnType<typeof instanceOf>} Instance */

/**
 * Variables that a user may set for all processes. Not DATABASE_URL: many shells hold one, and each
 * service has a role of its own.
 */
const USERS_OWN =
  /^(?!DATABASE_URL$)((CALLS|COMMANDS|BROADCASTS|EVENTS|DATABASE|PAYMENT_PROVIDER|MAIL)_URL(_[A-Z_]+)?|PARLEY_TOPOLOGY)$/;

/**
 * The file of addresses at which instances answer health and operations; the console reads it again
 * when it changes.
 */
export const OPERATIONS_FILE = '.data/operations.json';

/** How far the highest port of a start, one for calls, lies above its first. */
const ABOVE_BASE =
  PORTS.callsAbove + (Math.max(...topology.map(({ slot }) => slot)) + 1) * PORTS.slots - 1;

export const basePort = () => portOf('PARLEY_PORT', PORTS.base, ABOVE_BASE);
export const postgresPort = () => portOf('PARLEY_POSTGRES_PORT', PORTS.postgres);

/** @param {number} port */
const local = (port) => `http://127.0.0.1:${port}`;
/** @param {string} name */
const variable = (name) => name.toUpperCase().replaceAll('-', '_');
/**
 * @param {ProcessName} name
 * @param {ProcessName} name
 */
function processOf(name) {
  const found = topology.find((process) => process.name === name);
  if (!found) throw new Error(`topology.ts has no process ${name}`);
  return found;
}

/**
 * One running copy of a process: its name and addresses.
 * @param {Process} process
 * @param {number} index
 */
export function instanceOf(process, index) {
  const port = httpPort(process, index, basePort());
  const operations = operationsPort(process, index, basePort());
  return {
    name: instanceName(process, index),
    service: process.name,
    place: process.place,
    index,
    port,
    callsPort: callsPort(process, index, basePort()),
    url: local(port),
    operationsPort: operations,
    /** Where metrics and operations are. */
    operationsUrl: local(operations ?? port),
  };
}

/**
 * @param {Scale} [scale] how many instances of which process, where it differs from the topology
 * @param {Process} process
 */
export function instancesOf(process, scale = {}) {
  const count = scale[process.name] ?? process.replicas;
  return Array.from({ length: count }, (_, index) => instanceOf(process, index));
}

/**
 * Lists where the instances of an owner answer calls. Callers read it again while they use it.
 * @param {string} owner
 */
export const callsFile = (owner) => path.resolve('.data/calls', owner);

export const TLS_FOLDER = '.data/tls';

/**
 * The files with which a service calls and answers under `npm start -- --tls`, by the options of a
 * URL.
 * @param {string} service
 * @param {string} [folder]
 */
export function tlsFiles(service, folder = TLS_FOLDER) {
  const ca = path.resolve(folder, 'ca.crt');
  const own = path.resolve(folder, service);
  return {
    ca,
    clientCa: ca,
    cert: path.join(own, 'tls.crt'),
    key: path.join(own, 'tls.key'),
  };
}

/**
 * @param {string[]} technologies
 * @param {string} [service] whose files for TLS the URLs name; without it, calls are without TLS
 */
function callsUrls(technologies, service) {
  const name = technologies.find((name) => CALL_TECHNOLOGIES.includes(name)) ?? 'grpc';
  const scheme = service ? `${name}s` : name;
  const options = service ? `?${new URLSearchParams(tlsFiles(service))}` : '';
  const owners = topology.filter((process) => process.answersCalls);
  const own = Object.fromEntries(
    owners.map(({ name }) => [
      `CALLS_URL_${variable(name)}`,
      `${scheme}://${pathToFileURL(callsFile(name)).pathname}${options}`,
    ]),
  );
  // Its scheme is the technology of calls, also of those services that only call.
  return { CALLS_URL: `${scheme}://{owner}:5000${options}`, ...own };
}

/** @returns {Record<string, string>} */
export function usersOwn() {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && USERS_OWN.test(name) ? [[name, value]] : [],
    ),
  );
}

/** The name in the certificate of tools that call services themselves: none of them may. */
export const TOOLS = 'tools';

/**
 * Variables that all processes are given, each taking those it knows.
 * @param {{ technologies?: string[], tls?: boolean }} [options]
 * @param {string} [service] whose certificate is shown under `tls`
 * @returns {Record<'PAYMENT_PROVIDER_URL' | 'MAIL_URL', string> & Partial<Record<string, string>>}
 */
export function sharedEnvironment({ technologies = [], tls = false } = {}, service = TOOLS) {
  return {
    ...callsUrls(technologies, tls ? service : undefined),
    PAYMENT_PROVIDER_URL: instanceOf(processOf('payment-provider'), 0).url,
    MAIL_URL: pathToFileURL(path.resolve('.data/mail')).href,
    ...technologyUrls(technologies),
    ...usersOwn(),
  };
}

/** Share of the traces that a start exports: all of them would cost more than the console may. */
const SHARE_OF_TRACES = '0.05';

/**
 * The settings by which services send handled messages and some traces to the console of this start.
 * Settings of the user are kept.
 * @param {string | undefined} consoleUrl
 * @param {NodeJS.ProcessEnv} [given]
 * @returns {Record<string, string>}
 */
export function telemetryTo(consoleUrl, given = process.env) {
  if (consoleUrl === undefined || given.MESSAGES_ENDPOINT) return {};
  const token = given.OPERATIONS_TOKEN;
  return {
    MESSAGES_ENDPOINT: consoleUrl,
    ...(given.OTEL_EXPORTER_OTLP_ENDPOINT
      ? {}
      : {
          OTEL_EXPORTER_OTLP_ENDPOINT: consoleUrl,
          OTEL_TRACES_SAMPLER_ARG: given.OTEL_TRACES_SAMPLER_ARG || SHARE_OF_TRACES,
          TRACES_OF_FAILURES: given.TRACES_OF_FAILURES || 'off',
          ...(token && { OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${token}` }),
        }),
  };
}

/** One client, this machine, sends orders by the thousand. */
const WITHOUT_LIMITS = {
  RATE_LIMIT_READS: process.env.RATE_LIMIT_READS ?? 'off',
  RATE_LIMIT_WRITES: process.env.RATE_LIMIT_WRITES ?? 'off',
  STREAMS_PER_CLIENT: process.env.STREAMS_PER_CLIENT ?? '10000',
  STREAMS_AT_MOST: process.env.STREAMS_AT_MOST ?? '10000',
};

/**
 * The longest time for work under way on a stop: the edge first, everybody within the 15 s of the
 * whole.
 */
const DRAIN_TIMEOUT = { edge: '2s', inside: '4s', outside: '1s' };

/**
 * @param {Instance} instance
 * @param {object} system
 * @param {Record<string, string>} system.databaseUrls service → URL with its own role
 * @param {string[]} [system.technologies]
 * @param {boolean} [system.tls] calls by mutual TLS, and only those that topology.ts has
 * @param {string} [system.consoleUrl] of the console that keeps messages and traces
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentOf(instance, { databaseUrls, technologies, tls, consoleUrl }) {
  const ports = {
    PORT: instance.port,
    CALLS_PORT: instance.callsPort,
    OPERATIONS_PORT: instance.operationsPort,
  };
  const database =
    process.env[`DATABASE_URL_${variable(instance.service)}`] ?? databaseUrls[instance.service];
  const { DATABASE_URL: _, ...inherited } = process.env;
  return {
    ...inherited,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'info',
    DRAIN_TIMEOUT: process.env.DRAIN_TIMEOUT ?? DRAIN_TIMEOUT[instance.place],
    INSTANCE: instance.name,
    DATA_DIR: path.resolve('.data', instance.service),
    ...Object.fromEntries(
      Object.entries(ports).flatMap(([name, port]) => (port ? [[name, String(port)]] : [])),
    ),
    ...(database ? { DATABASE_URL: database } : {}),
    ...(instance.service === 'gateway' ? WITHOUT_LIMITS : {}),
    ...(instance.service === 'console'
      ? { OPERATIONS_URLS: pathToFileURL(path.resolve(OPERATIONS_FILE)).href }
      : {}),
    ...(instance.place === 'outside' || instance.service === 'console'
      ? {}
      : telemetryTo(consoleUrl)),
    ...(tls && instance.callsPort ? callsAllowed(instance.service) : {}),
    ...sharedEnvironment({ technologies, tls }, instance.service),
  };
}
