// The whole proof: three seeds, and the one asked for, with every fault, in which every invariant must hold, and every
// plant, which the judge must find. Each is a run in a process of its own; one table at the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { PLANTS } from './plants.mjs';
import { APART, shortestFor } from './schedule.mjs';
import { tryKill } from '../tools/dev/process-tree.mjs';

const SEEDS = [1, 7, 42];

/** @import { ChaosOptions } from './options.mjs' */
/** @import { Finding } from './record.mjs' */

/** @typedef {{ name: string, what?: string, args: (string | number)[] }} Proof */

/**
 * The verdict of a run (verdict.json).
 * @typedef {object} Verdict
 * @property {boolean} good
 * @property {readonly string[]} broken the invariants that do not hold
 * @property {readonly string[]} [found] those of them that a plant breaks
 * @property {readonly Finding[]} [findings]
 */

/** @typedef {Omit<Proof, 'args'> & Verdict & { minutes: number }} Proved */

/**
 * @param {Pick<ChaosOptions, 'seed' | 'seconds' | 'rate' | 'within'>} options
 * @returns {Proof[]}
 */
const proofs = ({ seed, seconds, rate, within }) => [
  ...[...new Set([...SEEDS, seed])].map((seed) => ({
    name: `seed ${seed}`,
    args: ['--seed', seed, '--minutes', seconds / 60, '--rate', rate, '--within', within],
  })),
  {
    name: 'one alone',
    args: [
      '--faults',
      Object.keys(APART).join(','),
      '--minutes',
      Math.ceil(shortestFor(Object.keys(APART)) / 60),
      '--within',
      within,
    ],
  },
  ...Object.entries(PLANTS).map(([name, { what }]) => ({
    name,
    what,
    args: ['--planted', name, '--within', within],
  })),
];

/**
 * @param {ChaosOptions} options
 * @param {(text: string) => void} say
 * @returns whether every run was good
 */
export async function proveAll(options, say) {
  const folder = path.resolve(
    '.data/chaos',
    `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-all`,
  );
  fs.mkdirSync(folder, { recursive: true });
  /** @type {Proved[]} */
  const done = [];
  for (const proof of proofs(options)) {
    say(`\n=== ${proof.name}`);
    done.push({
      ...proof,
      ...(await prove(proof, path.join(folder, proof.name.replace(' ', '-')))),
    });
    fs.writeFileSync(path.join(folder, 'table.txt'), tableOf(done));
  }
  say(`\n${tableOf(done)}\nRecords: ${path.relative('.', folder)}`);
  return done.every(({ good }) => good);
}

/**
 * @param {Proof} proof
 * @param {string} record its folder
 * @returns {Promise<Verdict & { minutes: number }>}
 */
async function prove({ args }, record) {
  fs.mkdirSync(record, { recursive: true });
  const began = performance.now();
  const child = spawn(
    process.execPath,
    ['chaos/run.mjs', ...args.map(String), '--record', record],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => tryKill(child.pid, signal);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, pass);
  const [code] = await once(child, 'exit');
  for (const signal of ['SIGTERM', 'SIGHUP']) process.off(signal, pass);
  if (code === 130) process.exit(130);
  const minutes = (performance.now() - began) / 60_000;
  try {
    return { minutes, ...JSON.parse(fs.readFileSync(path.join(record, 'verdict.json'), 'utf8')) };
  } catch {
    return { minutes, good: false, broken: ['it broke off'] };
  }
}

/** @param {readonly Proved[]} done */
export function tableOf(done) {
  const rows = done.map(({ name, what, good, broken, found = [], findings = [], minutes }) => {
    const verdict =
      what === undefined
        ? good
          ? 'all holds, every fault bit'
          : `broken: ${broken.join(', ')}`
        : good
          ? `found by ${found.join(' and ')}`
          : `NOT found (red: ${broken.join(', ') || 'nothing'})`;
    const detail =
      what ??
      findings
        .filter(({ id }) => id === 'I1' || id === 'bit')
        .map(({ detail }) => detail)
        .join('; ');
    return `${good ? '✓' : '✗'} ${name.padEnd(18)} ${`${minutes.toFixed(1)} min`.padStart(9)}  ${verdict.padEnd(28)}  ${detail}\n`;
  });
  return `${rows.join('')}${done.filter(({ good }) => good).length} of ${done.length} as they must be\n`;
}
