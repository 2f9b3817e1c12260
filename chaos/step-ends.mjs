// F02: processes end themselves at a step of a message's way, between two writes.
import { isSame } from '../tools/dev/process-tree.mjs';
import { serviceOf } from './schedule.mjs';
import { PATIENCE_MS } from './test-bed.mjs';

/** @import { Gap, Planned } from './record.mjs' */
/** @import { TestBed } from './test-bed.mjs' */

/**
 * Ends the processes of a service one after the other, those of several services at once.
 * @param {TestBed} bed
 * @param {Planned} event
 */
export async function endAtSteps(bed, { gaps = [] }) {
  /** @param {Gap} gap */
  const serviceAt = ({ victims: [first = ''] }) => serviceOf(first);
  const services = [...new Set(gaps.map(serviceAt))];
  const chains = services.map((service) => gaps.filter((gap) => serviceAt(gap) === service));
  const ends = await Promise.all(chains.map((chain) => endEach(bed, chain)));
  return { gaps: ends.flat(), bit: ends.flat().every((gap) => gap.bit) };
}

/**
 * @param {TestBed} bed
 * @param {readonly Gap[]} chain
 */
async function endEach(bed, chain) {
  /** @type {Gap[]} */
  const done = [];
  for (const gap of chain) done.push({ ...gap, ...(await endAt(bed, gap)) });
  return done;
}

/**
 * Starts the victims again with the fail point. It had its effect when one of them ended without
 * being killed by this run.
 * @param {TestBed} bed
 * @param {Gap} gap
 * @returns {Promise<Pick<Gap, 'pid' | 'bit'>>}
 */
async function endAt(bed, { point, victims, pass }) {
  const { shop } = bed;
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
    for (const name of victims)
      shop.setEnvironmentOnce(name, { PARLEY_FAILPOINT: `${point}:${pass}` });
    for (const name of victims) shop.signal(name, 'SIGKILL');
    const started = () => victims.map((name) => shop.startedWithIt(name));
    await bed.until(until - performance.now(), () => started().every(Boolean), 50);
    const those = started();
    const ended = () => those.filter((one) => one && !isSame(one) && !shop.wasKilled(one.pid));
    await bed.until(until - performance.now(), () => ended().length > 0, 50);
    const [first] = ended();
    for (const name of victims) shop.forgetEnvironmentOnce(name);
    for (const [n, one] of those.entries())
      if (one && isSame(one)) shop.signal(victims[n] ?? '', 'SIGKILL'); // or it would end later
    if (first) return { pid: first.pid, bit: true };
  }
  return { bit: false };
}
