// Changes to the sources of a run's own copy. An edit whose text is not found would break nothing
// and prove nothing: it ends the run.
import fs from 'node:fs';
import path from 'node:path';

/**
 * `from` must stand once in the file; with `after`, the first `from` behind that, which itself must
 * stand once.
 * @typedef {{ file: string, after?: string, from: string, to: string }} Edit
 */

/**
 * @param {string} text
 * @param {Edit} edit
 */
export function edited(text, { file, after, from, to }) {
  const anchor = after === undefined ? 0 : onlyPlaceOf(text, after, file);
  const at = after === undefined ? onlyPlaceOf(text, from, file) : text.indexOf(from, anchor);
  if (at < 0)
    throw new Error(
      `${file} does not contain "${from}" behind "${after}": the plant must follow the code.`,
    );
  return text.slice(0, at) + to + text.slice(at + from.length);
}

/**
 * @param {string} text
 * @param {string} part
 * @param {string} file
 */
function onlyPlaceOf(text, part, file) {
  const at = text.indexOf(part);
  if (at < 0 || text.indexOf(part, at + 1) >= 0)
    throw new Error(
      `${file} contains "${part}" ${at < 0 ? 'nowhere' : 'more than once'}: the plant must follow the code.`,
    );
  return at;
}

/**
 * @param {string} root
 * @param {Edit} edit
 */
export function applyEdit(root, edit) {
  const file = path.join(root, edit.file);
  fs.writeFileSync(file, edited(fs.readFileSync(file, 'utf8'), edit));
}
