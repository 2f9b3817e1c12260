// Contestants and works of a run, as they were chosen.
import fs from 'node:fs';
import path from 'node:path';
import { Mistake } from '../../tools/terminal/errors.mjs';

/** @import { Contestant, Mode, Work } from './mode.mjs' */

/** @typedef {Pick<Mode, 'name' | 'works' | 'contestants' | 'prepare'>} Choosable */

/**
 * @template {{ name: string }} T
 * @param {string} option
 * @param {string | undefined} text
 * @param {readonly T[]} all
 * @returns {T[] | undefined} undefined when nothing was named
 */
function named(option, text, all) {
  const names = text?.split(',');
  const unknown = names?.find((one) => !all.some(({ name }) => name === one));
  if (unknown !== undefined)
    throw new Mistake(
      `--${option} ${unknown}: there are ${all.map(({ name }) => name).join(', ')}.`,
    );
  return names && all.filter(({ name }) => names.includes(name));
}

/**
 * `--only` names contestants or works: those of a sort that it does not name all take part.
 * @param {Choosable} mode
 * @param {{ only?: string, works?: string }} options
 */
export function chosenOf({ contestants, works }, options) {
  /** @type {(Contestant | Work)[] | undefined} */
  const only = named(
    'only',
    options.only,
    /** @type {(Contestant | Work)[]} */ ([...contestants, ...works]),
  );
  const some = contestants.filter((one) => only?.includes(one));
  const asked = named('works', options.works, works) ?? works;
  const narrowed = asked.filter((one) => only?.includes(one));
  return {
    contestants: some.length > 0 ? some : contestants.filter((one) => !one.onlyWhenNamed),
    works: narrowed.length > 0 ? narrowed : asked,
  };
}

/**
 * The steps that `--steps` names; undefined when it names none.
 * @param {Choosable} mode
 * @param {readonly Work[]} chosen
 * @param {string} [text]
 */
export function stepsOf({ name }, chosen, text) {
  const all = [...new Set(chosen.flatMap(({ steps = [] }) => steps))];
  if (text !== undefined && all.length === 0)
    throw new Mistake(`--steps ${text}: mode ${name} has no steps.`);
  const found = named(
    'steps',
    text,
    all.map((step) => ({ name: String(step) })),
  );
  return found?.map((step) => Number(step.name));
}

/**
 * Beside the shop of these sources that of an earlier commit, with `--against`.
 * @param {Choosable} mode
 * @param {Contestant[]} chosen
 * @param {string} [against]
 */
export function withEarlier({ name, prepare }, chosen, against) {
  if (against === undefined) return chosen;
  if (!prepare) throw new Mistake(`--against ${against}: mode ${name} is not one of the shop.`);
  return chosen.flatMap((one) => [
    one,
    { ...one, name: `${one.name}-against`, label: `${one.label}, ${against}`, against },
  ]);
}

/**
 * Each one of Parley twice, with `--with`: of these sources, then of the other build.
 * @param {Choosable} mode
 * @param {Contestant[]} chosen
 * @param {string} [folder]
 */
export function withOtherBuild({ name, prepare }, chosen, folder) {
  if (folder === undefined) return chosen;
  if (prepare)
    throw new Mistake(
      `--with ${folder}: mode ${name} builds the shop itself; --against COMMIT compares it.`,
    );
  if (!fs.existsSync(path.join(folder, 'libs/parley')))
    throw new Mistake(`--with ${folder}: there is no build of Parley.`);
  return chosen.flatMap((one) =>
    one.name.startsWith('parley')
      ? [one, { ...one, name: `${one.name}-with`, label: `${one.label} (${folder})`, dist: folder }]
      : [one],
  );
}
