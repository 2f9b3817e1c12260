// For specs of what a start keeps in the folder where it was typed: a new empty folder to work in.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';

/**
 * The tests of the file run in an empty folder, which is gone when they are through.
 * @param {() => void} [prepare] runs in it before the first test
 */
export function inEmptyFolder(prepare = () => undefined) {
  const former = process.cwd();
  before(() => {
    process.chdir(fs.mkdtempSync(path.join(os.tmpdir(), 'parley-folder-')));
    prepare();
  });
  after(() => {
    const folder = process.cwd();
    process.chdir(former);
    fs.rmSync(folder, { recursive: true });
  });
}
