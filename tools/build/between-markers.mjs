// A part of a page that a tool writes: between <!-- name: written by … --> and <!-- /name -->.

/**
 * The page with another text between its markers; undefined where it has no such part.
 * @param {string} page
 * @param {string} name
 * @param {string} text
 */
export function betweenMarkers(page, name, text) {
  const begin = new RegExp(`<!-- ${name}: [^\\n]* -->\\n`).exec(page);
  const end = page.indexOf(`<!-- /${name} -->`);
  if (!begin || end < begin.index) return undefined;
  return `${page.slice(0, begin.index + begin[0].length)}\n${text}\n\n${page.slice(end)}`;
}
