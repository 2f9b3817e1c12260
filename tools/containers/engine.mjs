// An engine of containers on this machine: Docker or Podman, whichever answers.
import { spawnSync } from 'node:child_process';
import { Mistake } from '../terminal/errors.mjs';

export const ENGINES = ['docker', 'podman'];

/** @param {readonly string[]} args the program first */
export const answers = ([program = '', ...args]) =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;

/** @param {readonly string[]} [names] @returns {string | undefined} the first that answers */
export const engineHere = (names = ENGINES) => names.find((name) => answers([name, 'info']));

/**
 * What the engine says.
 * @param {string} engine
 * @param {...string} args
 * @throws {Mistake} when it cannot
 */
export function ask(engine, ...args) {
  const { status, stdout, stderr } = spawnSync(engine, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Mistake(`${engine} ${args.slice(0, 2).join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}
