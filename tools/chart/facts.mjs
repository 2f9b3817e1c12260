// Facts of each process for the chart: from topology.ts, from the contracts, and from the names
// that the services give their subscriptions.
import fs from 'node:fs';
import path from 'node:path';
import { callsAllowed, ownersCalled, topology } from '../topology/topology.mjs';

/** @import { Process } from '../../topology.js' */

/** Each pod has its own ports: every process may use the same. */
export const PORTS = { http: 3000, operations: 9000, calls: 5000 };

/** @typedef {{ name: string, port: number }} Connection */
/** @typedef {'commands' | 'broadcasts' | 'events'} Kind */
/** @type {readonly Kind[]} */
export const KINDS = ['commands', 'broadcasts', 'events'];

/**
 * Contracts that are told to whoever listens. Their owner sends them, whether somebody of the
 * topology listens or not: devices do.
 */
const TOLD = /^export const \w+ = (broadcast|event)\(\s*'([a-z-]+)\./gm;
/** `@Subscription('mails')` of a controller, `saga('fulfilment', …)`. */
const SUBSCRIPTION = /(?:@Subscription|\bsaga)\('([\w-]+)'/g;
const FOR_TESTS = /\.(?:spec|fixture|trial|test-d)\.ts$/;

/** @param {string} folder */
const sourcesIn = (folder) =>
  fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !FOR_TESTS.test(file))
    .sort()
    .map((file) => fs.readFileSync(path.join(folder, file), 'utf8'));

const told = sourcesIn('libs/contracts').flatMap((source) =>
  [...source.matchAll(TOLD)].map(([, kind, owner]) => `${owner} ${kind}s`),
);

/** Metrics and operations have a port of their own where people outside of the shop reach HTTP. */
const hasOperationsPort = (/** @type {Process} */ { name, place }) =>
  place === 'edge' || name === 'console';

/** @param {Process} process */
function kindsOf({ name, commands = [], follows = [], listens = [] }) {
  const uses = {
    commands: commands.length > 0 || receivesCommands(name),
    broadcasts: listens.length > 0 || told.includes(`${name} broadcasts`),
    events: follows.length > 0 || told.includes(`${name} events`),
  };
  return KINDS.filter((kind) => uses[kind]);
}

/** @param {string} name */
const receivesCommands = (name) =>
  topology.some(({ commands = [] }) => commands.some((owner) => owner === name));

/**
 * Subscriptions whose backlog is worth another instance.
 * @param {Process} process
 */
function subscriptionsOf({ name, follows = [] }) {
  const named = sourcesIn(`apps/${name}/src`).flatMap((source) =>
    [...source.matchAll(SUBSCRIPTION)].map(([, own]) => `${name}.${own}`),
  );
  return [...(receivesCommands(name) ? [name] : []), ...(follows.length > 0 ? named.sort() : [])];
}

/** @param {Process} process */
const operationsPortOf = (process) => (hasOperationsPort(process) ? PORTS.operations : PORTS.http);

const ours = topology.filter(({ place }) => place !== 'outside');
/** True for the console, which asks the others for their health and operations. */
const asksOperations = (/** @type {Process} */ { name }) => name === 'console';

/**
 * The processes that a process opens connections to, and the port of each.
 * @param {Process} process
 * @returns {Connection[]}
 */
function reachedFrom(process) {
  const { outside = [] } = process;
  return [
    ...ownersCalled(process).map((name) => ({ name, port: PORTS.calls })),
    ...(asksOperations(process)
      ? ours.map((other) => ({ name: other.name, port: operationsPortOf(other) }))
      : []),
    ...topology
      .filter(({ name }) => outside.some((one) => one === name))
      .map(({ name }) => ({ name, port: PORTS.http })),
  ];
}

/**
 * @param {string} name
 * @returns {Connection[]}
 */
const reaching = (name) =>
  topology.flatMap((other) =>
    reachedFrom(other)
      .filter((connection) => connection.name === name)
      .map(({ port }) => ({ name: other.name, port })),
  );

/** @param {Process} process */
function factsOf(process) {
  const { name, purpose, place, data, answersCalls, outside = [] } = process;
  const isOurs = place !== 'outside';
  return {
    name,
    purpose,
    place,
    /** Its role in the database; none: it stores nothing. */
    role: data ? name : undefined,
    operationsPort: isOurs ? operationsPortOf(process) : undefined,
    callsPort: answersCalls ? PORTS.calls : undefined,
    /** Who may call it, as variables, where callers prove their names. */
    callsAllowed: answersCalls ? callsAllowed(name) : {},
    messages: kindsOf(process),
    subscriptions: subscriptionsOf(process),
    outside,
    asksOperations: asksOperations(process),
    keepsFiles: !isOurs || outside.includes('mail'),
    reaches: reachedFrom(process),
    reachedBy: reaching(name),
  };
}

/** @typedef {ReturnType<typeof factsOf>} Facts */

export const facts = () => topology.map(factsOf);
