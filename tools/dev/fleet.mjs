// The instances of a start, changed while it runs: more or fewer of a service, or each one replaced.
// A new instance is listed when it is ready; one that leaves is taken off the lists, and then drains.
import { setTimeout as sleep } from 'node:timers/promises';
import { Mistake } from '../terminal/errors.mjs';
import { instanceOf } from '../topology/environment.mjs';
import { PORTS, topology } from '../topology/topology.mjs';
import { lastWords } from './log-watch.mjs';
import { listens } from './ports.mjs';

/** @import { Process } from '../../topology.js' */
/** @import { Instance } from '../topology/environment.mjs' */
/** @import { Change } from './changes.mjs' */
/** @import { Supervised } from './supervised.mjs' */

export const READY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 50;

/**
 * @typedef {object} FleetParts
 * @property {(instance: Instance) => Supervised} create not yet started
 * @property {(instance: Instance) => void} list tells callers and the console where it answers
 * @property {(instance: Instance) => void} unlist
 * @property {(service: Supervised) => Promise<unknown>} stop resolves when it has drained and ended
 * @property {() => void} changed the running processes are others than before
 * @property {() => boolean} isStopping whether the whole start stops
 */

/** @typedef {(line: string) => void} Say */

export class Fleet {
  /**
   * @param {Supervised[]} running every process of the start, changed in place
   * @param {FleetParts} parts
   */
  constructor(running, parts) {
    this.running = running;
    this.parts = parts;
  }

  /**
   * @param {Change} change
   * @param {Say} say told what was done
   * @throws {Mistake} at the first step that fails; the steps before it stay done
   */
  async change({ scale = {}, restart = [] }, say) {
    for (const [name, count] of Object.entries(scale)) await this.#scale(name, count, say);
    const names = restart === 'all' ? this.#services() : restart;
    for (const name of names) await this.#restart(name, say);
  }

  #services() {
    const inside = this.running.filter(({ instance }) => instance.place !== 'outside');
    return new Set(inside.map(({ instance }) => instance.service));
  }

  /** @param {string} name */
  #of(name) {
    return this.running
      .filter(({ instance }) => instance.service === name)
      .sort((one, other) => one.instance.index - other.instance.index);
  }

  /**
   * @param {string} name
   * @param {number} count
   * @param {Say} say
   */
  async #scale(name, count, say) {
    const process = processNamed(name);
    while (this.#of(name).length < count)
      await this.#add(process, await this.#freeIndex(process), say);
    await Promise.all(
      this.#of(name)
        .slice(count)
        .map((service) => this.#remove(service, say)),
    );
    say(`${name}: ${count} ${count === 1 ? 'instance' : 'instances'}`);
  }

  /**
   * Replaces each instance at its own address, while one more stands in for the one that is away.
   * @param {string} name
   * @param {Say} say
   */
  async #restart(name, say) {
    const process = processNamed(name);
    const before = this.#of(name);
    if (before.length === 0)
      throw new Mistake(
        `${name} does not run here: "npm run parley -- scale ${name}=1" starts it.`,
      );
    const standIn = await this.#add(process, await this.#freeIndex(process), say);
    for (const service of before) {
      await this.#remove(service, say);
      await this.#add(process, service.instance.index, say);
    }
    await this.#remove(standIn, say);
    say(`${name} was restarted`);
  }

  /**
   * @param {Process} process
   * @param {number} index
   * @param {Say} say
   */
  async #add(process, index, say) {
    this.#refuseWhenStopping();
    const service = this.parts.create(instanceOf(process, index));
    this.running.push(service);
    service.start();
    try {
      await this.#ready(service);
    } catch (error) {
      await this.#end(service);
      throw error;
    }
    this.parts.list(service.instance);
    say(`${service.instance.name} is ready`);
    return service;
  }

  /** @param {Supervised} service */
  async #ready(service) {
    const { name } = service.instance;
    const until = performance.now() + READY_WITHIN_MS;
    for (; !service.ready; await sleep(LOOK_EVERY_MS)) {
      this.#refuseWhenStopping();
      if (service.givenUp) throw new Mistake(`${name} cannot start: ${lastWords(service.log)}`);
      if (performance.now() > until)
        throw new Mistake(
          `${name} is not ready after ${READY_WITHIN_MS / 1000} s: its log is ${service.log}.`,
        );
    }
  }

  /**
   * @param {Supervised} service
   * @param {Say} say
   */
  async #remove(service, say) {
    this.parts.unlist(service.instance);
    await this.#end(service);
    say(`${service.instance.name} has ended`);
  }

  /** @param {Supervised} service */
  async #end(service) {
    await this.parts.stop(service);
    this.running.splice(this.running.indexOf(service), 1);
    this.parts.changed();
  }

  #refuseWhenStopping() {
    if (this.parts.isStopping()) throw new Mistake('npm start stops: nothing more is changed.');
  }

  /**
   * The lowest one whose ports nobody has, an instance of `nx serve` for example.
   * @param {Process} process
   */
  async #freeIndex(process) {
    const used = new Set(this.#of(process.name).map(({ instance }) => instance.index));
    for (let index = 0; index < PORTS.slots; index++) {
      if (!used.has(index) && (await isFree(instanceOf(process, index)))) return index;
    }
    throw new Mistake(
      `${process.name} has no free port for one more instance: ${PORTS.slots} are its own.`,
    );
  }
}

/** @param {Instance} instance */
async function isFree({ port, callsPort, operationsPort }) {
  for (const one of [port, callsPort, operationsPort])
    if (one !== undefined && (await listens(one))) return false;
  return true;
}

/** @param {string} name */
function processNamed(name) {
  const found = topology.find((process) => process.name === name && process.place !== 'outside');
  if (!found) throw new Mistake(`There is no service "${name}" in topology.ts.`);
  return found;
}
