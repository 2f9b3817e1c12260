// Part of npm run lint: what the documentation points to must be there. Every relative link of every *.md of the
// repository, and every file named in backticks by a path, from the root or from where it is named. Says what is missing and
// in which line; exits 1.
import fs from 'node:fs';
import path from 'node:path';

process.chdir(path.dirname(import.meta.dirname));

const LINK = /\]\(([^)\s]+)\)/g;
/** `apps/orders/src/fulfilment.saga.ts`, `sql/02-queue.sql`, `docs/decisions`. A pattern (`libs/contracts/*`) names no file. */
const NAMED_PATH = /`((?:(?:apps|libs|docs|tools)\/[\w./-]+)|[a-z][\w.-]*\/(?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|cjs|js|md|sql|json|yaml))`/g;
/** What only exists in the reader's hands: the service that docs/add-a-service.md adds. */
const EXAMPLES = /^(?:apps|libs\/contracts)\/loyalty(?:\/|$)/;

const isOutside = (link) => /^[a-z]+:/.test(link);
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const NOT_OURS = /^(?:node_modules|dist|\..*)$/;

function documents(folder = '.') {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.test(entry.name)) return [];
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return documents(name);
    return name.endsWith('.md') ? [name] : [];
  });
}

/** The lines outside of code blocks: what stands there is prose. */
function prose(text) {
  let inCode = false;
  return text.split('\n').map((line) => {
    if (/^\s*```/.test(line)) inCode = !inCode;
    return inCode ? '' : line;
  });
}

const headings = new Map();
function anchorsOf(file) {
  if (!headings.has(file)) {
    const lines = prose(fs.readFileSync(file, 'utf8')).filter((line) => /^#+ /.test(line));
    headings.set(file, new Set(lines.map((line) => anchorOf(line.replace(/^#+ /, '')))));
  }
  return headings.get(file);
}

function brokenLink(from, link) {
  if (isOutside(link)) return undefined;
  const [target, anchor] = link.split('#');
  const file = target === '' ? from : path.join(path.dirname(from), decodeURI(target));
  if (!fs.existsSync(file)) return `links to ${link}, which is not there`;
  if (anchor && file.endsWith('.md') && !anchorsOf(file).has(anchor)) return `links to ${link}, but no heading of ${file} is called so`;
  return undefined;
}

/** Libraries speak of their own files without `src/`. */
const isThere = (name, from) =>
  EXAMPLES.test(name) || ['', path.dirname(from), path.join(path.dirname(from), 'src')].some((folder) => fs.existsSync(path.join(folder, name)));

function problemsOf(file) {
  return prose(fs.readFileSync(file, 'utf8')).flatMap((line, index) => {
    const links = [...line.replace(/`[^`]*`/g, '').matchAll(LINK)].map(([, link]) => brokenLink(file, link)).filter(Boolean);
    const names = [...line.matchAll(NAMED_PATH)].filter(([, name]) => !isThere(name, file)).map(([, name]) => `names ${name}, which is not there`);
    return [...links, ...names].map((problem) => `${file}:${index + 1} ${problem}`);
  });
}

const files = documents();
const problems = files.flatMap(problemsOf);
for (const problem of problems) console.error(problem);
console.log(`${files.length} documents, ${problems.length} broken links`);
process.exitCode = problems.length > 0 ? 1 : 0;
