// npm run contracts: writes the promises of the contracts to
// libs/contracts/<owner>/schemas/<contract>.v<version>.json, their calls in protobuf to
// libs/contracts/<owner>/<owner>.proto and as OpenAPI to libs/contracts/<owner>/openapi.json, their
// other messages as AsyncAPI to libs/contracts/<owner>/asyncapi.json, unless that would break the
// conversation without a new version.
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { asyncDocuments } from './async-documents.mjs';
import { broken, leftovers, orphans, unread } from './broken-promises.mjs';
import { callDocuments } from './call-documents.mjs';
import { compileContracts, hidden, promised } from './contract-sources.mjs';
import { edgeDocuments } from './edge-documents.mjs';
import { committed, generatedSchema, together } from './schemas.mjs';
import { topologyDrawing } from './topology-drawing.mjs';
import { readWithdrawn } from './withdrawn.mjs';
import { checkBase, isStale, write } from './written-files.mjs';

/** @import { GeneratedFile } from './written-files.mjs' */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run contracts [-- options]      writes the schemas of the contracts, their .proto files, OpenAPI, AsyncAPI and drawing, and OpenAPI and GraphQL of the edge, unless that would break the conversation

  --check        writes nothing; fails when a file is not as its contract (part of npm run lint)
  --base REV     compares with the schemas of that revision, such as origin/main, as well: what it promised cannot be deleted in silence

What is given up on purpose is said in libs/contracts/<owner>/withdrawn.json, by contract, version and field:
  { "orders.quote-order.v1.deadline": "nobody waits longer than the edge, which waits 1 s" }
  --help`;

const { values: options } = commandLine(HELP, {
  options: { check: { type: 'boolean' }, base: { type: 'string' } },
});

/**
 * A contract that cannot be defined is told in its own words.
 * @param {unknown} error
 * @returns {never}
 */
function inOneSentence(error) {
  const isOurs =
    error instanceof Mistake || (error instanceof Error && error.name === 'ContractError');
  console.error(`${isOurs ? '' : 'the contracts cannot be loaded: '}${messageOf(error)}`);
  process.exit(1);
}

/** @typedef {{ files: GeneratedFile[], problems: string[] }} Judged */

/**
 * The contracts, then the edge and the routes of messages, which are made from them.
 * @returns {Promise<{ count: number, parts: Judged[] }>}
 */
async function judged() {
  if (options.base) checkBase(options.base);
  const kit = await compileContracts();
  const contracts = promised(kit);
  const here = committed();
  const before = options.base ? committed(options.base) : here;
  const all = together(before, here);
  const withdrawn = readWithdrawn();
  const problems = [
    ...contracts.flatMap((contract) => [
      ...broken(kit, contract, before, withdrawn),
      ...unread(kit, contract, all, withdrawn),
    ]),
    ...orphans(contracts, all, withdrawn, options.base),
    ...leftovers(contracts, here, withdrawn),
    ...hidden(kit, contracts),
  ];
  const schemas = contracts.map(({ schema }) => generatedSchema(schema));
  const calls = await callDocuments(kit, withdrawn, options.base);
  const own = {
    files: [...schemas, ...calls.files, ...topologyDrawing(contracts)],
    problems: [...problems, ...calls.problems],
  };
  const edge = await edgeDocuments(kit, options.base);
  return { count: contracts.length, parts: [own, edge, await asyncDocuments(kit)] };
}

const { count, parts } = await judged().catch(inOneSentence);
/** @type {string[]} */
const problems = [];
let written = 0;
for (const part of parts) {
  const stale = part.files.filter(isStale);
  problems.push(...part.problems);
  if (options.check)
    problems.push(...stale.map(({ file, says }) => `${file} ${says}; run npm run contracts`));
  else if (problems.length === 0) {
    write(stale);
    written += stale.length;
  }
}
for (const problem of problems) console.error(problem);
const showsWritten = !options.check && (problems.length === 0 || written > 0);
console.log(
  `${count} contracts${options.base ? ` against ${options.base}` : ''}, ${problems.length} problems${showsWritten ? `, ${written} written` : ''}`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
