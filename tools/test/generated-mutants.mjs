// Mutants that Stryker generates: each operator, condition, text and call of a file is broken, one
// at a time, and the file's own specs should notice. Files are known by their names and found in
// whatever folder of their project they are.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { COPIED } from './scratch-copy.mjs';

/** @import { LogLevel, WarningOptions } from '@stryker-mutator/api/core' */
/** @import { Stryker } from '@stryker-mutator/core' */
/** @typedef {{ name: string, file: string, specs: string[] }} Mutated */
/** @typedef {{ files: string[], specs: string[] }} Run */
/** @typedef {Awaited<ReturnType<Stryker['runMutationTest']>>[number]} Result */
/** @typedef {{ file: string, killed: number, all: number, score: string }} Score */

const root = path.resolve(import.meta.dirname, '../..');

/** Specs of the way of a message, each of which passes all of its files. */
const DELIVERY = [
  'delivery/pipeline',
  'pipeline-settle',
  'observe',
  'pipeline-batch',
  'pass-dead-letters',
  'micro-batcher',
  'suspects',
  'upcasting',
  'claims',
  'payload/personal',
  'pipeline-pause',
  'handler-runs',
];

/** Specs of the relay, each of which passes all of its files. */
const RELAY = ['outbox-relay', 'outbox-dead-letters', 'relay-line', 'relay-term'];

/**
 * By project: source files, each with the specs that should notice. Without any: the spec of the
 * same name. Only specs that need nothing running.
 * @type {Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>}
 */
const MUTATED = {
  messaging: {
    'retry-policy': [],
    'publish-errors': ['publish-errors', 'publish-in-order'],
    'relay-line': RELAY,
    'relay-term': RELAY,
    'outbox-relay': RELAY,
    'outbox-dead-letters': RELAY,
    'circuit-breaker': [],
    'circuit-breakers': [],
    'failure-decision': [],
    'open-message': [],
    'lane-guard': DELIVERY,
    'handler-execution': DELIVERY,
    settlement: DELIVERY,
    'failed-message-store': DELIVERY,
    'delivery/pipeline': DELIVERY,
    observe: DELIVERY,
    'micro-batcher': [],
    'broadcast-consumer': [],
    'keyed-executor': [],
    failure: [],
    'gap-detector': [],
    'request-batcher': [],
    'publish-in-order': [],
    upcasting: [],
    'message-id': [],
    'delivery/suspects': [],
    'handler-runs': [],
    outage: [],
    publisher: ['publisher', 'transactions', 'relay-term'],
    'parked-lane-cache': [],
    'log-throttle': [],
    'in-flight': [],
    failpoints: [],
    routes: ['routes', 'transactions'],
    'structured-mode': [],
    'envelope-limits': [],
    'message/envelope': ['message/envelope', 'envelope-limits', 'message-id'],
    codec: ['codec', 'message/wire', 'wire-proof', 'envelope-limits'],
    transactions: ['transactions', 'handler-runs'],
    redelivery: [],
    'offset-tracker': [],
    checkpoints: [],
    'dead-letter-service': ['dead-letter-service', 'dead-letters/personal', 'outbox-relay'],
    'payload-processor': ['payload-processor', 'claims', 'payload/personal', 'secret'],
  },
  resilience: {
    deadline: [],
    timer: [],
    'circuit-breaker': [],
    'sliding-window': [],
    'retry-budget': [],
    'concurrency-limit': [],
    hedge: [],
  },
  sagas: {
    'saga-runner': [],
    timeouts: ['saga-runner'],
    step: ['saga-runner'],
    saga: ['sagas/src/saga', 'saga-runner'],
    'state-changes': [],
  },
  'transports/postgres': {
    address: [],
    cloudevents: [],
    'log-partition': [],
    outage: [],
    'lane-leases': [],
    topology: [],
  },
};

/**
 * Every file that can be mutated: its name and where it and its specs are.
 * @returns {Mutated[]}
 */
export function mutatedFiles() {
  return Object.entries(MUTATED).flatMap(([project, files]) => {
    const found = fs
      .readdirSync(path.join(root, 'libs/parley', project, 'src'), {
        recursive: true,
        encoding: 'utf8',
      })
      .map((name) => path.join('libs/parley', project, 'src', name));
    return Object.entries(files).map(([name, specs]) => ({
      name: `${project.split('/').at(-1)}/${name}`,
      file: only(found, `${name}.ts`, project),
      specs: (specs.length ? specs : [name]).map((spec) => only(found, `${spec}.spec.ts`, project)),
    }));
  });
}

/**
 * @param {readonly string[]} found
 * @param {string} name
 * @param {string} project
 */
function only(found, name, project) {
  const files = found.filter((file) => file.endsWith(`/${name}`));
  const [file] = files;
  if (file !== undefined && files.length === 1) return file;
  throw new Error(
    `libs/parley/${project} has ${files.length} files ${name}: bring tools/test/generated-mutants.mjs up to date`,
  );
}

const CONTRACT = /\b(?:command|event|broadcast|call)\(\s*'([^']+)'/g;

/**
 * Specs of one file are loaded in one process, where a contract's name means one thing.
 * @throws when two of them define the same one
 */
export function refuseSharedContracts() {
  for (const { name, specs } of mutatedFiles()) {
    /** @type {Map<string, string>} */
    const known = new Map();
    for (const spec of specs) {
      const source = fs.readFileSync(path.join(root, spec), 'utf8');
      for (const contract of new Set(
        [...source.matchAll(CONTRACT)].map(([, found = '']) => found),
      )) {
        if (known.has(contract))
          throw new Error(
            `${name}: ${known.get(contract)} and ${spec} both define ${contract}; rename it in one`,
          );
        known.set(contract, spec);
      }
    }
  }
}

/**
 * The files that these words name: a file, `relay-line` or `messaging/relay-line`, or a folder,
 * `delivery` or `sagas`. Without words: all.
 * @param {readonly string[]} words
 */
export function wantedFiles(words) {
  const all = mutatedFiles();
  /** @param {string} word */
  const means = (word) =>
    all.filter(({ name, file }) => `/${name}`.endsWith(`/${word}`) || file.includes(`/${word}/`));
  const unknown = words.find((word) => means(word).length === 0);
  return { unknown, files: words.length ? [...new Set(words.flatMap(means))] : all };
}

/**
 * Files with the same specs are broken in the same run.
 * @param {readonly Mutated[]} files
 * @returns {Run[]}
 */
function runsOf(files) {
  /** @type {Map<string, Run>} */
  const runs = new Map();
  for (const one of files) {
    const key = one.specs.join();
    runs.set(key, { specs: one.specs, files: [...(runs.get(key)?.files ?? []), one.file] });
  }
  return [...runs.values()];
}

/**
 * @param {Run} run
 * @returns {ConstructorParameters<typeof Stryker>[0]}
 */
const optionsOf = ({ files, specs }) => ({
  mutate: files,
  specs,
  testRunner: 'specs',
  plugins: [path.join(import.meta.dirname, 'spec-runner.mjs')],
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // Tests that wait in vain end by themselves; this is for a loop that never ends.
  timeoutMS: 120_000,
  tempDirName: path.join(os.tmpdir(), `parley-generated-mutants-${process.pid}`),
  cleanTempDir: 'always',
  ignorePatterns: ['/*', ...COPIED.map((part) => `!/${part}`)],
  disableTypeChecks: false,
  reporters: ['clear-text'],
  clearTextReporter: {
    allowEmojis: false,
    logTests: false,
    reportTests: false,
    reportScoreTable: false,
  },
  allowConsoleColors: false,
  logLevel: /** @type {LogLevel} */ ('warn'),
  warnings: /** @type {WarningOptions} */ ({ unknownOptions: false }),
});

/** @type {Readonly<Record<string, 'killed' | 'alive'>>} */
const COUNTED = { Killed: 'killed', Timeout: 'killed', Survived: 'alive', NoCoverage: 'alive' };

/**
 * `relay-line.ts  killed 80 of 81  98.8 %`
 * @param {string} file
 * @param {readonly Result[]} results
 * @returns {Score}
 */
function scoreOf(file, results) {
  const of = results.filter(
    ({ fileName, status }) => path.resolve(fileName) === path.resolve(file) && COUNTED[status],
  );
  const killed = of.filter(({ status }) => COUNTED[status] === 'killed').length;
  const score = of.length ? ((100 * killed) / of.length).toFixed(1) : '–';
  return { file: path.relative('libs/parley', file), killed, all: of.length, score };
}

/** @param {Score} score */
const rowOf = ({ file, killed, all, score }) => `| ${file} | ${killed} of ${all} | ${score} % |`;

/**
 * Breaks these files. Prints each mutant that lives, and the scores.
 * @param {readonly Mutated[]} files
 * @returns whether none lives
 */
export async function tryGenerated(files) {
  const { Stryker } = await import('@stryker-mutator/core');
  /** @type {Result[]} */
  const results = [];
  for (const run of runsOf(files)) {
    console.log(`\n${run.files.map((file) => path.basename(file)).join(', ')}:`);
    const tried = await new Stryker(optionsOf(run)).runMutationTest();
    for (const file of run.files) console.log(rowOf(scoreOf(file, tried)));
    results.push(...tried);
  }
  const scores = files.map(({ file }) => scoreOf(file, results));
  console.log(
    `\n| file | mutants killed | score |\n|---|---|---|\n${scores.map(rowOf).join('\n')}`,
  );
  return scores.every(({ killed, all }) => killed === all);
}
