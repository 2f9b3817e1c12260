// Tells of changes of sources that a service loads.
import path from 'node:path';
import { watch } from 'chokidar';

/** A save often touches several files: they are told of once, when all are written. */
const SETTLED_AFTER_MS = 150;
const LOADED = /\.(?:ts|sql|json|proto)$/;
const NOT_LOADED = /\.(?:spec|test-d|fixture)\.ts$/;

const isLoaded = (file) => LOADED.test(file) && !NOT_LOADED.test(file);

/**
 * Watches folders, not files: editors and git replace a file by renaming another one over it.
 * @param changed called with the first of the files that changed together, relative to the working
 * directory
 * @returns {import('chokidar').FSWatcher} emits `ready` when it watches
 */
export function watchSources(folders, changed) {
  const ignored = (file, stats) => (stats?.isFile() ?? false) && !isLoaded(file);
  const watcher = watch(folders, { ignored, ignoreInitial: true });
  let first;
  let settling;
  watcher.on('all', (_, file) => {
    if (!isLoaded(file)) return;
    first ??= path.relative('.', file);
    clearTimeout(settling);
    settling = setTimeout(() => {
      changed(first);
      first = undefined;
    }, SETTLED_AFTER_MS);
  });
  return watcher;
}
