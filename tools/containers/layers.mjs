// Contents of the layers of an image: the names of their files, and whether a text is in one of them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Mistake } from '../terminal/errors.mjs';
import { ask } from './engine.mjs';

/** Files that no image has. Packages bring what their authors publish: of these only secrets count. */
const UNWANTED = [
  { what: 'code of tests', is: /^app\/(?!node_modules\/).*\.(?:spec|fixture|trial|test-d)\./ },
  { what: 'libraries of tests', is: /^app\/dist\/libs\/parley\/(?:testing|conformance)\// },
  { what: 'sources', is: /^app\/(?!node_modules\/|main\.js$).*\.tsx?$/ },
  {
    what: 'tools of development',
    is: /^app\/node_modules\/(?:typescript|jest|@swc\/(?:core|cli|jest)|nx|eslint)\//,
  },
  {
    what: 'a password or a key',
    is: /(?:^|\/)(?:\.env[^/]*|\.npmrc|\.netrc|id_(?:rsa|ed25519)|[^/]*\.key)$/,
  },
  { what: 'data of a repository or a shop', is: /^app\/(?:\.git|\.data)\// },
];

/** @param {string} layer an archive @returns {string[]} */
function filesOf(layer) {
  const { status, stdout, stderr } = spawnSync('tar', ['-tf', layer], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Mistake(`tar -tf ${layer}: ${stderr.trim()}`);
  return stdout.split('\n').filter((name) => name && !name.endsWith('/'));
}

/** @param {string} layer @param {string} text */
const contains = (layer, text) =>
  spawnSync('sh', ['-c', 'tar -xOf "$1" | grep -q -a -F -e "$2"', 'sh', layer, text]).status === 0;

/**
 * What is in the layers of an image above its base and must not be.
 * @param {string} engine
 * @param {string} image
 * @param {number} ofBase how many layers its base has
 * @param {string} secret a text that is in no layer
 * @returns {string[]}
 */
export function inLayers(engine, image, ofBase, secret) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'layers-'));
  try {
    ask(engine, 'save', '--output', path.join(folder, 'image.tar'), image);
    const { status } = spawnSync('tar', ['-xf', 'image.tar'], { cwd: folder });
    if (status !== 0) throw new Mistake(`${image}: its archive cannot be read`);
    const [{ Layers }] = JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
    const layers = Layers.slice(ofBase).map((/** @type {string} */ name) =>
      path.join(folder, name),
    );
    const files = layers.flatMap(filesOf);
    const unwanted = UNWANTED.flatMap(({ what, is }) => {
      const some = files.filter((/** @type {string} */ file) => is.test(file));
      return some.length ? [`${what}: ${some.slice(0, 3).join(', ')} (${some.length})`] : [];
    });
    const told = layers.some((/** @type {string} */ layer) => contains(layer, secret));
    return [...unwanted, ...(told ? ['a secret that lay beside the sources'] : [])];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
