// Part of npm run lint: what the documentation points to must be there. Every relative link of
// every *.md of the repository, every file named in backticks by a path, from the root or from
// where it is named, and in blocks of code every line under a comment that names a file (`//
// apps/orders/src/order.ts`): it must stand in that file. Tests that are named, too, and docs/README.md lists every page. Says what is
// wrong and in which line; exits 1.
import fs from 'node:fs';
import path from 'node:path';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const LINK = /\]\(([^)\s]+)\)/g;
/**
 * `apps/orders/src/fulfilment.saga.ts`, `sql/02-queue.sql`, `docs/decisions`. A pattern
 * (`libs/contracts/*`) names no file.
 */
const NAMED_PATH =
  /`((?:(?:apps|docs|examples|libs|tools)\/[\w./-]+)|[a-z][\w.-]*\/(?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|cjs|js|md|sql|json|yaml))`/g;
const SOURCE = /^\s*(?:\/\/|#) ((?:apps|examples|libs|tools)\/\S+\.(?:ts|mjs|py))/;
/** Names that only exist in the reader's hands: the service that docs/add-a-service.md adds. */
const EXAMPLES = /^(?:apps|libs\/contracts)\/loyalty(?:\/|$)/;

/** @param {string} link */
const isOutside = (link) => /^[a-z]+:/.test(link);
/** @param {string} heading */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const NOT_OURS = /^(?:node_modules|dist|\.(?!github$).*)$/;

/**
 * @param {string} [folder]
 * @returns {string[]}
 */
function documents(folder = '.') {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.test(entry.name)) return [];
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return documents(name);
    return name.endsWith('.md') ? [name] : [];
  });
}

const FENCE = /^\s*```/;
const END = '\0';

/**
 * The lines of one part, in their places: those outside of code blocks, or those inside.
 * @param {string} text
 * @param {boolean} inside
 */
function part(text, inside) {
  let inCode = false;
  return text.split('\n').map((line) => {
    if (FENCE.test(line)) return (inCode = !inCode) ? '' : END;
    return inCode === inside ? line : '';
  });
}

/** @param {string} text */
const prose = (text) => part(text, false);
/** @param {string} text */
const code = (text) => part(text, true);

/** @type {Map<string, Set<string>>} */
const headings = new Map();

/** @param {string} file */
function anchorsOf(file) {
  const known = headings.get(file);
  if (known) return known;
  const lines = prose(fs.readFileSync(file, 'utf8')).filter((line) => /^#+ /.test(line));
  const anchors = new Set(lines.map((line) => anchorOf(line.replace(/^#+ /, ''))));
  headings.set(file, anchors);
  return anchors;
}

/**
 * @param {string} from
 * @param {string} link
 */
function brokenLink(from, link) {
  if (isOutside(link)) return undefined;
  const [target = '', anchor] = link.split('#');
  const file = target === '' ? from : path.join(path.dirname(from), decodeURI(target));
  if (!fs.existsSync(file)) return `links to ${link}, which is not there`;
  if (anchor && file.endsWith('.md') && !anchorsOf(file).has(anchor))
    return `links to ${link}, but no heading of ${file} is called so`;
  return undefined;
}

/**
 * Libraries speak of their own files without `src/`.
 * @param {string} name
 * @param {string} from
 */
const isThere = (name, from) =>
  EXAMPLES.test(name) ||
  ['', path.dirname(from), path.join(path.dirname(from), 'src')].some((folder) =>
    fs.existsSync(path.join(folder, name)),
  );

/** @param {string} file */
const trimmedLines = (file) =>
  new Set(
    fs
      .readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim()),
  );

/**
 * Lines with an ellipsis stand for what was left out.
 * @param {string} file
 */
function misquotedOf(file) {
  /** @type {{ source: string, lines: Set<string> } | undefined} */
  let quoted;
  return code(fs.readFileSync(file, 'utf8')).flatMap((line, index) => {
    const source = SOURCE.exec(line)?.[1];
    if (source)
      quoted = EXAMPLES.test(source) ? undefined : { source, lines: trimmedLines(source) };
    else if (line === END) quoted = undefined;
    else if (quoted && line.trim() !== '' && !line.includes('…') && !quoted.lines.has(line.trim()))
      return [`${file}:${index + 1} is not in ${quoted.source}: ${line.trim()}`];
    return [];
  });
}

/**
 * `[grpc](…/grpc.spec.ts): *sentence*` names a test, or a promise: it must be in that file, as a
 * text of its own.
 */
const NAMED_TEST = /\]\(([^)\s]+\.ts)\): \*([^*]+)\*/g;

/**
 * @param {string} line
 * @param {string} from
 */
function missingTestsOf(line, from) {
  return [...line.matchAll(NAMED_TEST)]
    .map(([, link = '', sentence = '']) => ({
      source: path.join(path.dirname(from), link),
      sentence,
    }))
    .filter(
      ({ source, sentence }) =>
        fs.existsSync(source) && !fs.readFileSync(source, 'utf8').includes(`'${sentence}'`),
    )
    .map(({ source, sentence }) => `names the test "${sentence}", which is not in ${source}`);
}

/** @param {string} file */
function problemsOf(file) {
  const pointers = prose(fs.readFileSync(file, 'utf8')).flatMap((line, index) => {
    const links = [...line.replace(/`[^`]*`/g, '').matchAll(LINK)]
      .map(([, link = '']) => brokenLink(file, link))
      .filter(Boolean);
    const names = [...line.matchAll(NAMED_PATH)]
      .filter(([, name = '']) => !isThere(name, file))
      .map(([, name]) => `names ${name}, which is not there`);
    return [...links, ...names, ...missingTestsOf(line, file)].map(
      (problem) => `${file}:${index + 1} ${problem}`,
    );
  });
  return [...pointers, ...misquotedOf(file)];
}

/**
 * Pages that no reader finds: the table of contents does not link to them.
 * @param {readonly string[]} files
 */
function unlistedOf(files) {
  const contents = 'docs/README.md';
  const listed = fs.readFileSync(contents, 'utf8');
  return files
    .filter((file) => file.startsWith('docs/') && file !== contents)
    .map((file) => path.relative('docs', file))
    .filter((page) => !listed.includes(`](${page})`))
    .map((page) => `${contents} does not list ${page}`);
}

const files = documents();
const problems = [...files.flatMap(problemsOf), ...unlistedOf(files)];
for (const problem of problems) console.error(problem);
console.log(`${files.length} documents, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
