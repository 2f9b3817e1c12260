// .data/calls/<owner>: where each instance answers calls, an address a line. Callers read their
// file again while they use it, so that instances come and go while the system runs.
import fs from 'node:fs';
import path from 'node:path';
import { callsFile, instancesOf } from '../topology/environment.mjs';
import { topology } from '../topology/topology.mjs';

/** @import { Instance } from '../topology/environment.mjs' */

/** @typedef {Pick<Instance, 'service' | 'callsPort'>} Answering */

/**
 * Written aside and renamed, so that a reader never sees half of it.
 * @param {string} owner
 * @param {readonly string[]} addresses
 */
function write(owner, addresses) {
  const file = callsFile(owner);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${file}.${process.pid}`, addresses.map((one) => `${one}\n`).join(''));
  fs.renameSync(`${file}.${process.pid}`, file);
}

/** @param {string} owner */
function read(owner) {
  try {
    return fs.readFileSync(callsFile(owner), 'utf8').split('\n').filter(Boolean);
  } catch {
    return []; // nothing was started here yet
  }
}

/** @param {Answering} instance */
const addressOf = ({ callsPort }) => `127.0.0.1:${callsPort}`;

/**
 * Written by `npm start`, of every owner, also of those without an instance.
 * @param {readonly Answering[]} [instances] default: those of the topology
 */
export function writeCalls(instances = topology.flatMap((process) => instancesOf(process))) {
  for (const { name } of topology.filter(({ answersCalls }) => answersCalls))
    write(name, instances.filter(({ service }) => service === name).map(addressOf));
}

/**
 * @param {Answering} instance
 * @param {boolean} beside whether a start runs: else the addresses of an earlier one are forgotten
 */
export function addCalls(instance, beside) {
  const { service, callsPort } = instance;
  if (!beside) writeCalls();
  if (callsPort) write(service, [...new Set([...read(service), addressOf(instance)])]);
}

/** @param {Answering} instance */
export function removeCalls(instance) {
  const { service, callsPort } = instance;
  if (callsPort)
    write(
      service,
      read(service).filter((one) => one !== addressOf(instance)),
    );
}
