// Tells of changes of sources that a service loads.
import path from 'node:path';
import { watch } from 'chokidar';

/** A save often touches several files: they are told of once, when all are written. */
const SETTLED_AFTER_MS = 150;
const LOADED = /\.(?:ts|sql|json|proto)$/;
const NOT_LOADED = /\.(?:spec|test-d|fixture)\.ts$/;

/** @param {string} file */
const isLoaded = (file) => LOADED.test(file) && !NOT_LOADED.test(file);

/**
 * Watches folders, not files: editors and git replace a file by renaming another one over it.
 * @param {(file: string) => void} changed called with the first of the files that changed together,
 * relative to the working
 * directory
 * @param {string[]} folders
 * @returns {import('chokidar').FSWatcher} emits `ready` when it watches
 */
export function watchSources(folders, changed) {
  /**
   * @param {string} file
   * @param {import('node:fs').Stats} [stats]
   */
  const ignored = (file, stats) => (stats?.isFile() ?? false) && !isLoaded(file);
  const watcher = watch(folders, { ignored, ignoreInitial: true });
  /** @type {string | undefined} */
  let first;
  /** @type {NodeJS.Timeout | undefined} */
  let settling;
  watcher.on('all', (_, file) => {
    if (!isLoaded(file)) return;
    first ??= path.relative('.', file);
    clearTimeout(settling);
    settling = setTimeout(() => {
      if (first !== undefined) changed(first);
      first = undefined;
    }, SETTLED_AFTER_MS);
  });
  return watcher;
}
