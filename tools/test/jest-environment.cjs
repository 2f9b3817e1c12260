// Jest's usual environment, and two things more. It tells the reporter in which process a spec file
// runs, so that the reporter can end that one alone. And it disables the AsyncLocalStorages of a
// file when the file is through.
const { AsyncLocalStorage } = require('node:async_hooks');
const { createHash } = require('node:crypto');
const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { TestEnvironment } = require('jest-environment-node');

/**
 * The file in `folder` that says which process runs the spec `file`.
 * @param {string} folder
 * @param {string} file
 */
const noteOf = (folder, file) => path.join(folder, createHash('sha1').update(file).digest('hex'));

/**
 * The storages that have held something since the last file. Before Node 24, a storage that was used
 * once is copied to each promise of its process until it is disabled, and it keeps the modules of its
 * file in memory. Each file loads its own storages: after a hundred files most of the CPU went there.
 * @type {Set<AsyncLocalStorage<unknown>>}
 */
const used = new Set();

for (const method of ['run', 'enterWith']) {
  /** @type {(...given: unknown[]) => unknown} */
  const usual = Reflect.get(AsyncLocalStorage.prototype, method);
  Reflect.set(
    AsyncLocalStorage.prototype,
    method,
    /** @this {AsyncLocalStorage<unknown>} @param {unknown[]} given */
    function (...given) {
      used.add(this);
      return usual.apply(this, given);
    },
  );
}

module.exports = class extends TestEnvironment {
  static noteOf = noteOf;

  /** @param {ConstructorParameters<typeof TestEnvironment>} given */
  constructor(...given) {
    const [config, context] = given;
    super(config, context);
    const folder = process.env.PARLEY_TEST_PROCESSES;
    if (folder) writeFileSync(noteOf(folder, context.testPath), String(process.pid));
  }

  async teardown() {
    for (const storage of used) storage.disable();
    used.clear();
    await super.teardown();
  }
};
