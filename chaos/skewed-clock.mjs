// Another time of day for one process: libfaketime, which reads the difference from a file. Timers
// are not affected.
import fs from 'node:fs';
import path from 'node:path';

const PLACES = ['/usr/lib', '/usr/lib64', '/usr/local/lib', '/lib'];
const NAME = 'libfaketimeMT.so.1';

/**
 * Where the library is, if it is installed: beside the others, or below a folder named for the
 * machine's architecture.
 */
export function faketime() {
  const folders = PLACES.filter((place) => fs.existsSync(place)).flatMap((place) => [
    place,
    ...foldersIn(place),
  ]);
  return folders
    .flatMap((folder) => [path.join(folder, NAME), path.join(folder, 'faketime', NAME)])
    .find((file) => fs.existsSync(file));
}

/** @param {string} place */
const foldersIn = (place) =>
  fs
    .readdirSync(place, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(place, name));

/**
 * Environment of a process that reads its clock's error, in seconds, from `file` each second.
 * @param {string} file
 * @param {string} library
 */
export const skewedBy = (file, library) => ({
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_CACHE_DURATION: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  FAKETIME_DISABLE_SHM: '1', // a killed process would leave it behind
  NO_FAKE_STAT: '1',
});

/**
 * Writes another file and renames it, so that no process reads half of it.
 * @param {string} file
 * @param {number} seconds
 */
export function setSkew(file, seconds) {
  fs.writeFileSync(`${file}.new`, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
  fs.renameSync(`${file}.new`, file);
}
