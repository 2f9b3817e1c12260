// Jest's usual environment, which also tells the reporter in which process a spec file runs: so it
// can end that one alone.
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

module.exports = class extends TestEnvironment {
  static noteOf = noteOf;

  /** @param {ConstructorParameters<typeof TestEnvironment>} given */
  constructor(...given) {
    const [config, context] = given;
    super(config, context);
    const folder = process.env.PARLEY_TEST_PROCESSES;
    if (folder) writeFileSync(noteOf(folder, context.testPath), String(process.pid));
  }
};
