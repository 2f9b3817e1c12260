// npm run chart: kubernetes/values.yaml and its schema from topology.ts. `-- --check` asks whether
// they are as topology.ts has it, then what the chart makes of the values of each profile.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const CHART = 'kubernetes';
/** A helm that Go has built believes in an older one. */
const KUBERNETES = ['--kube-version', 'v1.34.4'];
/** Templates of Helm see the files of the chart only: the rules of alerts are a copy. */
const RULES = 'docker/observability/rules.yaml';
const FILES = {
  values: `${CHART}/values.yaml`,
  schema: `${CHART}/values.schema.json`,
  rules: `${CHART}/files/rules.yaml`,
};
const NAMES = /** @type {const} */ (['values', 'schema', 'rules']);

/** @param {string[]} files */
const from = (...files) => files.flatMap((file) => ['--values', `${CHART}/values-${file}.yaml`]);

/**
 * Options of helm for each set of values that people begin with, and for what these leave out.
 * @type {Record<string, readonly string[]>}
 */
const PROFILES = {
  development: from('development'),
  brokers: from('development', 'development-brokers'),
  production: from('production'),
  ingress: [
    ...from('production'),
    ...[
      '--set',
      'exposure.kind=ingress,exposure.ingress.tlsSecret=shop-tls,autoscaling.keda=false',
    ],
  ],
};

/**
 * Of kube-score. A tag of a build is never given to another image, and images are also loaded by
 * hand, where Always would find none.
 */
const NOT_SCORED = ['container-image-pull-policy'];

const HELP = `npm run chart [-- options]      writes ${FILES.values} and its schema from topology.ts

  --check          writes nothing: are they as topology.ts has it; helm lint; what helm renders of each profile, by kubeconform and kube-score
  --strict         with --check: a tool that is not here is a failure
  --tools          installs helm, kubeconform and kube-score into .data/kubernetes, and schemas beside them; by Go, once, a quarter of an hour
  --set a.b=c      a value for helm, beside those of the profile; repeated for more
  --print NAME     prints and writes nothing: values, schema, or what helm renders of ${Object.keys(PROFILES).join(', ')}
  --help`;

const { values: options } = commandLine(HELP, {
  options: {
    check: { type: 'boolean' },
    strict: { type: 'boolean' },
    tools: { type: 'boolean' },
    print: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

const { installTools, schemasFolder, toolPath } = await import('./tools.mjs');

/** @param {string} sentence */
function fail(sentence) {
  console.error(sentence);
  process.exitCode = 1;
}

/** @param {string} tool */
const absent = (tool) =>
  `${tool} is not here (npm run chart -- --tools installs it, by Go), so this was not checked:`;

/** @param {string} sentence */
function leftOut(sentence) {
  if (options.strict) fail(sentence);
  else console.log(sentence);
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} [input]
 */
function run(program, args, input) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { isGood: status === 0, stdout, said: `${stdout}${stderr}`.trim() };
}

/** @param {readonly string[]} profile */
const helmOptions = (profile) => [
  ...KUBERNETES,
  ...profile,
  ...options.set.flatMap((value) => ['--set', value]),
];

/** @param {readonly string[]} profile */
function rendered(profile) {
  const helm = toolPath('helm');
  if (!helm) return undefined;
  return run(helm, ['template', 'shop', CHART, '--namespace', 'shop', ...helmOptions(profile)]);
}

async function made() {
  const { valuesSchema, valuesYaml } = await import('./values.mjs');
  const rules = fs.readFileSync(RULES, 'utf8');
  return { values: valuesYaml(), schema: valuesSchema(), rules };
}

async function write() {
  const texts = await made();
  for (const name of NAMES) fs.writeFileSync(FILES[name], texts[name]);
  console.log(`${FILES.values}, its schema and its rules are written`);
}

/** @param {string} name */
async function print(name) {
  if (name === 'values' || name === 'schema') return process.stdout.write((await made())[name]);
  const profile = PROFILES[name];
  if (!profile) {
    console.error(
      `There is no "${name}": it is values, schema, ${Object.keys(PROFILES).join(', ')}.`,
    );
    process.exit(2);
  }
  const answer = rendered(profile);
  if (!answer) return fail(`${absent('helm')} ${name}`);
  return answer.isGood ? process.stdout.write(answer.stdout) : fail(answer.said);
}

async function checkWritten() {
  const texts = await made();
  for (const name of NAMES)
    if (!fs.existsSync(FILES[name]) || fs.readFileSync(FILES[name], 'utf8') !== texts[name])
      fail(`${FILES[name]} is not what npm run chart makes of topology.ts and ${RULES}: run it`);
}

/**
 * @param {string} profile
 * @param {readonly string[]} values
 */
function checkProfile(profile, values) {
  const helm = toolPath('helm');
  if (!helm) return;
  const lint = run(helm, ['lint', '--strict', '--quiet', CHART, ...helmOptions(values)]);
  if (!lint.isGood) return fail(`${profile}: helm lint: ${lint.said}`);
  const { isGood, stdout = '', said = '' } = rendered(values) ?? {};
  if (!isGood) return fail(`${profile}: helm template: ${said}`);
  const checked = ['helm lint', ...checkKinds(profile, stdout), ...score(profile, stdout)];
  console.log(`${profile}: ${stdout.match(/^kind: /gm)?.length} objects, ${checked.join(', ')}`);
}

/**
 * @param {string} profile
 * @param {string} yaml
 */
function checkKinds(profile, yaml) {
  const [kubeconform, schemas] = [toolPath('kubeconform'), schemasFolder()];
  if (!kubeconform || !schemas) return [];
  const location = `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`;
  const { isGood, said } = run(
    kubeconform,
    ['-strict', '-summary', '-schema-location', location, '-'],
    yaml,
  );
  if (!isGood) fail(`${profile}: kubeconform: ${said}`);
  return [`kubeconform${isGood ? '' : ' FAILED'}`];
}

/**
 * @param {string} profile
 * @param {string} yaml
 */
function score(profile, yaml) {
  const kubeScore = toolPath('kube-score');
  if (!kubeScore) return [];
  const ignored = NOT_SCORED.flatMap((test) => ['--ignore-test', test]);
  const { said } = run(
    kubeScore,
    ['score', '--kubernetes-version', 'v1.34', '--output-format', 'ci', ...ignored, '-'],
    yaml,
  );
  const critical = said.split('\n').filter((line) => line.startsWith('[CRITICAL]'));
  if (critical.length > 0) fail(`${profile}: kube-score:\n${critical.join('\n')}`);
  const warnings = [...said.matchAll(/^\[WARNING\] .*: (.*)$/gm)].map(([, what]) => what);
  const kinds = [...new Set(warnings)].join(', ');
  if (critical.length > 0) return ['kube-score FAILED'];
  return [`kube-score (${warnings.length} warnings${kinds && `: ${kinds}`})`];
}

async function check() {
  await checkWritten();
  if (!toolPath('helm')) return leftOut(`${absent('helm')} what the chart makes of its values`);
  for (const [profile, values] of Object.entries(PROFILES)) checkProfile(profile, values);
  if (!toolPath('kubeconform') || !schemasFolder())
    leftOut(`${absent('kubeconform')} the fields of what the chart makes`);
  if (!toolPath('kube-score')) leftOut(`${absent('kube-score')} the score of what the chart makes`);
}

if (options.tools) await installTools();
if (options.print !== undefined) await print(options.print);
else if (options.check) await check();
else if (!options.tools) await write();
