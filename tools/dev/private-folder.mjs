// .data holds passwords, mails, addresses and logs: nobody else on this machine reads it.
import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../terminal/errors.mjs';

/**
 * PostgreSQL runs as another user when this is root's: it passes through to its own folder, and
 * sees no names on its way.
 */
const PASSABLE = 0o711;

/**
 * What this process and its children make from now on is their user's alone, and so is what is in
 * the folder already.
 * @param {string} [folder] made when it is missing; its folders are closed, so that the modes of
 * what is
 * deeper do not matter
 */
export function keepPrivate(folder = '.data') {
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
