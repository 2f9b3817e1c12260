// Sources of the shop in a folder of their own: of an earlier commit, or of what is here now.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Mistake } from '../terminal/errors.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Files and folders that a start of today's build needs. */
const COPIED = [
  'apps',
  'libs',
  'tools',
  'topology.ts',
  'tsconfig.json',
  'tsconfig.base.json',
  'package.json',
  'package-lock.json',
  '.swcrc',
];

/** The one development tool that a start needs. */
const COMPILER = 'node_modules/@swc/core';

/**
 * The whole name of a commit.
 * @param {string} name
 */
export const commitOf = (name) =>
  run('git', ['rev-parse', '--verify', '--quiet', `${name}^{commit}`], { cwd: root }).then(
    ({ stdout }) => stdout.trim(),
    () => {
      throw new Mistake(`There is no commit ${name} in this repository.`);
    },
  );

/**
 * A work tree of a commit, with its packages.
 * @param {string} name
 * @param {string} folder
 * @param {() => void} [installs] told before `npm ci`, which takes a minute
 */
export async function checkOut(name, folder, installs = () => undefined) {
  const commit = await commitOf(name);
  await run('git', ['worktree', 'add', '--detach', folder, commit], { cwd: root });
  if (needsTodaysPackages(folder)) return linkPackages(folder);
  installs();
  const command = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', command, { cwd: folder, maxBuffer: 64 * 1024 * 1024 }).catch((error) => {
    throw new Mistake(`npm ci of ${name} failed.\n${String(error.stderr).slice(-1500)}`);
  });
}

/** @param {string} folder */
export const removeCheckout = (folder) =>
  run('git', ['worktree', 'remove', '--force', folder], { cwd: root }).catch(() => undefined);

/**
 * What is here now, committed or not.
 * @param {string} folder
 */
export function copyToday(folder) {
  for (const name of COPIED)
    fs.cpSync(path.join(root, name), path.join(folder, name), {
      recursive: true,
      filter: (file) => !file.includes('node_modules'),
    });
  linkPackages(folder);
}

/**
 * An installation takes a minute; nearly every version of this repository can do without.
 * @param {string} folder
 */
function needsTodaysPackages(folder) {
  const [theirs, ours] = [folder, root].map((where) =>
    JSON.parse(fs.readFileSync(path.join(where, 'package-lock.json'), 'utf8')),
  );
  return Object.entries(theirs.packages).every(
    ([name, { version, dev, optional }]) =>
      name === '' ||
      ours.packages[name]?.version === version ||
      (name !== COMPILER && (dev || optional)),
  );
}

/** @param {string} folder */
const linkPackages = (folder) =>
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
