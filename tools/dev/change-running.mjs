// npm run parley -- scale catalog=3, npm run parley -- restart catalog: asks the running start for
// other instances.
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { PORTS, topology } from '../topology/topology.mjs';
import { askFor } from './changes.mjs';
import { known, scaleOf } from './start-options.mjs';

/** @import { Change } from './changes.mjs' */

const SERVICES = topology.filter(({ place }) => place !== 'outside').map(({ name }) => name);

export const CHANGES_HELP = `npm run parley -- scale <service>=<count> …         adds or removes instances of what npm start runs (1 to ${PORTS.slots})
npm run parley -- restart <service> … | --all     replaces each instance, while one more stands in for it`;

/** @param {readonly string[]} words */
export const isChange = ([verb]) => verb === 'scale' || verb === 'restart';

/**
 * @param {string[]} words `scale catalog=3` or `restart catalog`
 * @returns {Change}
 * @throws {Mistake}
 */
export function changeIn([verb = '', ...rest]) {
  const { values, positionals } = commandLine(CHANGES_HELP, {
    args: rest,
    options: verb === 'restart' ? { all: { type: 'boolean' } } : {},
    allowPositionals: true,
  });
  const isAll = Boolean(values.all);
  if (isAll === positionals.length > 0)
    throw new Mistake(
      verb === 'scale'
        ? 'scale: name services with their instances, for example catalog=3.'
        : 'restart: name services, or else say --all.',
    );
  if (isAll) return { restart: 'all' };
  return verb === 'scale'
    ? { scale: scaleOf(positionals, SERVICES, verb) }
    : { restart: positionals.map((name) => known(name, SERVICES, 'service')) };
}

/**
 * @param {string[]} words
 * @returns {Promise<number>} the exit code: 1 when it was not done, 2 for a mistake in the words
 */
export async function changeRunning(words) {
  let exitCode = 2;
  try {
    const change = changeIn(words);
    exitCode = 1;
    await askFor(change, (line) => console.log(line));
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return exitCode;
  }
}
