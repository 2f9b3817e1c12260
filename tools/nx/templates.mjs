// Files from templates: `{{name}}` in paths and texts is replaced, `.template` is left out.
import fs from 'node:fs';
import path from 'node:path';
import * as prettier from 'prettier';

/**
 * The workspace, as Nx hands it to a generator: what is written is shown by `--dry-run`, and stored
 * after the generator has ended without an error.
 * @typedef {object} Tree
 * @property {string} root
 * @property {(file: string, encoding: 'utf8') => string | null} read
 * @property {(file: string, content: string) => void} write
 * @property {(file: string) => boolean} exists
 */

const FOLDER = path.join(import.meta.dirname, 'templates');

/**
 * @param {string} text
 * @param {Record<string, string | number>} values
 * @throws when a value is missing
 */
export const fill = (text, values) =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`no value for {{${name}}}`);
    return String(values[name]);
  });

/**
 * Writes a formatted file.
 * @param {Tree} tree
 * @param {string} file from the root
 * @param {string} text
 */
export async function write(tree, file, text) {
  const { inferredParser } = await prettier.getFileInfo(file);
  const options = await prettier.resolveConfig(path.join(tree.root, file), { editorconfig: true });
  tree.write(
    file,
    inferredParser ? await prettier.format(text, { ...options, parser: inferredParser }) : text,
  );
}

/**
 * Writes all files of a template.
 * @param {Tree} tree
 * @param {string} template a folder in templates/
 * @param {string} target a folder from the root
 * @param {Record<string, string | number>} values
 * @throws when one of the files exists; nothing is written then
 */
export async function writeAll(tree, template, target, values) {
  const from = path.join(FOLDER, template);
  const files = fs
    .readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const placed = files.map((file) => ({
    file,
    target: path.posix.join(
      target,
      fill(path.relative(from, file).replaceAll(path.sep, '/'), values).replace(/\.template$/, ''),
    ),
  }));
  const taken = placed.find((one) => tree.exists(one.target));
  if (taken) throw new Error(`${taken.target} exists; choose another name, or remove it first`);
  for (const one of placed)
    await write(tree, one.target, fill(fs.readFileSync(one.file, 'utf8'), values));
}
