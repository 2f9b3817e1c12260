// .data holds passwords, mails, addresses and logs: nobody else on this machine reads it.
import fs from 'node:fs';
import path from 'node:path';
import { codeOf, Mistake } from '../terminal/errors.mjs';

/**
 * PostgreSQL runs as another user when this is root's: it passes through to its own folder, and
 * sees no names on its way.
 */
const PASSABLE = 0o711;

/**
 * The folder and those above it, the highest first, as far as the path names them.
 * @param {string} folder
 * @returns {string[]}
 */
const andAbove = (folder) => {
  const above = path.dirname(folder);
  return above === folder || above === '.' ? [folder] : [...andAbove(above), folder];
};

/**
 * Folders that a start, its services and the tools write to. A file in the place of one, or of one
 * above it, would end them with a stack.
 * @param {string[]} folders
 * @throws {Mistake}
 */
export function checkFolders(folders) {
  for (const folder of folders.flatMap(andAbove)) {
    const stats = fs.statSync(folder, { throwIfNoEntry: false });
    if (stats && !stats.isDirectory())
      throw new Mistake(`${folder} is a file, where Parley keeps a folder: move it away.`);
  }
}

/**
 * Makes the folder private to its user: files that it has, and files that this process and its
 * children create from now on.
 * @param {string} [folder] created when it is missing; its folders are closed, so that the modes of
 * files in them do not matter
 * @throws {Mistake} when it is a file
 */
export function keepPrivate(folder = '.data') {
  checkFolders([folder]);
  process.umask(0o077);
  fs.mkdirSync(folder, { recursive: true });
  fs.chmodSync(folder, process.getuid?.() === 0 ? PASSABLE : 0o700);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true }))
    close(path.join(folder, entry.name), entry);
}

/**
 * @param {string} file
 * @param {fs.Dirent} entry
 */
function close(file, entry) {
  if (!entry.isDirectory() && !entry.isFile()) return; // a socket, or a link, whose target it would change
  try {
    fs.chmodSync(file, entry.isDirectory() ? 0o700 : 0o600);
  } catch (error) {
    if (!['ENOENT', 'EPERM'].includes(codeOf(error) ?? '')) throw error; // gone meanwhile, or another user's: that user keeps it
  }
}
