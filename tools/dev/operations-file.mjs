// .data/operations.json: where each instance answers health and operations. The console reads it
// again when it changes, so that an instance which joins while the system runs (`nx serve`) is
// known there.
import fs from 'node:fs';
import path from 'node:path';
import { instancesOf, OPERATIONS_FILE as FILE } from '../topology/environment.mjs';
import { topology } from '../topology/topology.mjs';

/**
 * URLs by the service whose instances they are.
 * @typedef {Record<string, string[]>} Addresses
 */

/**
 * An instance of a service, whether the topology knows it or not.
 * @typedef {{ service: string, operationsUrl: string }} Address
 */

/** @returns {Addresses | undefined} */
export function readAddresses() {
  try {
    return JSON.parse(fs.readFileSync(FILE, 'utf8'));
  } catch {
    return undefined; // nothing was started here yet
  }
}

/**
 * Written aside and renamed, so that a reader never sees half of it.
 * @param {Addresses} addresses
 */
function write(addresses) {
  fs.mkdirSync(path.dirname(FILE), { recursive: true, mode: 0o700 });
  fs.writeFileSync(`${FILE}.${process.pid}`, JSON.stringify(addresses, null, 2), { mode: 0o600 });
  fs.renameSync(`${FILE}.${process.pid}`, FILE);
}

/**
 * Written by `npm start`, of every service, also of those without an instance.
 * @param {readonly Address[]} [instances] default: those of the topology
 */
export function writeAddresses(instances = topology.flatMap((process) => instancesOf(process))) {
  const inside = topology.filter(({ place }) => place !== 'outside');
  write(
    Object.fromEntries(
      inside.map(({ name }) => [
        name,
        instances
          .filter(({ service }) => service === name)
          .map(({ operationsUrl }) => operationsUrl),
      ]),
    ),
  );
}

/**
 * @param {Address} instance
 * @param {boolean} beside whether a start runs: else the addresses of an earlier one are forgotten
 */
export function addAddress({ service, operationsUrl: url }, beside) {
  if (!beside || !readAddresses()) writeAddresses();
  const { [service]: urls = [], ...others } = readAddresses() ?? {};
  write({ ...others, [service]: [...new Set([...urls, url])] });
}

/** @param {Address} instance */
export function removeAddress({ service, operationsUrl: url }) {
  const { [service]: urls = [], ...others } = readAddresses() ?? {};
  write({ ...others, [service]: urls.filter((one) => one !== url) });
}
