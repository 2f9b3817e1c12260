// The two sets of specs: the fast one of `npm test`, and all of them, `npm test -- --all`, which CI
// runs. The long specs are named here with what only they try.
import fs from 'node:fs';
import path from 'node:path';

/**
 * Specs that the fast set leaves out: file → what it tries. A spec belongs here when it takes more
 * than ten seconds because it waits for real time-outs, starts processes or sends messages by the
 * hundred.
 * @type {Readonly<Record<string, string>>}
 */
export const LONG_SPECS = {
  'apps/catalog/src/any-client.int.spec.ts': 'foreign gRPC clients: grpcurl and Python',
  'apps/console/src/contracts.spec.ts': 'the gate of contracts as a command, on a tree of its own',
  'apps/gateway/src/graphql/graphql-fuzz.spec.ts': 'invented GraphQL requests by the hundred',
  'apps/gateway/src/hostile.spec.ts': 'hostile requests at the edge',
  'apps/gateway/src/limits/flood.spec.ts':
    'an edge under 1,000 requests, half requests and idle streams at once',
  'apps/gateway/src/openapi-fuzz.spec.ts': 'invented requests to every route by the hundred',
  'apps/shop-e2e/src/shop-mischief.e2e.spec.ts':
    'the shop on a broker that repeats, delays and reorders',
  'libs/parley/cli/src/commands/install.int.spec.ts':
    'an installation over a network that loses its connection without a sign',
  'libs/parley/observability/src/regular-expressions.spec.ts':
    'every regular expression, on long input',
  'libs/parley/sagas/src/silence.int.spec.ts':
    'timeouts of sagas on a network that loses connections without a sign',
  'libs/parley/service/src/deadline-chain.spec.ts':
    'one deadline over three services, on each transport of calls',
  'libs/parley/service/src/environments.int.spec.ts':
    'a service over IPv6, with other defaults, and on a network that loses connections',
  'libs/parley/service/src/failing-start.int.spec.ts':
    'starts that fail: database, PostgreSQL, gRPC',
  'libs/parley/service/src/failing-start-aws.int.spec.ts': 'starts that fail: SQS, Kinesis',
  'libs/parley/service/src/failing-start-broadcasts.int.spec.ts': 'starts that fail: Redis, MQTT',
  'libs/parley/service/src/failing-start-kafka.int.spec.ts': 'starts that fail: Kafka',
  'libs/parley/service/src/failing-start-queues.int.spec.ts':
    'starts that fail: RabbitMQ, ActiveMQ',
  'libs/parley/service/src/serve.int.spec.ts': 'a service as a process: start, drain, signals',
  'libs/parley/service/src/stacks.int.spec.ts':
    'lines of the sources in dead letters, of a build and under nx serve',
  'libs/parley/transports/grpc/src/busy-process.spec.ts':
    'gRPC in a process that is too busy to answer the keepalive',
  'libs/parley/transports/grpc/src/grpcs.spec.ts':
    'calls by TLS over gRPC, lost networks among them',
  'libs/parley/transports/grpc/src/hostile.spec.ts': 'hostile calls over gRPC',
  'libs/parley/transports/http/src/hostile.spec.ts': 'hostile calls over HTTP',
  'libs/parley/transports/http/src/https.spec.ts':
    'calls by TLS over HTTP, lost networks among them',
  'libs/parley/transports/memory/src/memory.conformance.spec.ts': 'the promises on memory',
  'libs/parley/transports/postgres/src/connection/silence.int.spec.ts':
    'PostgreSQL on a network that loses connections without a sign',
  'libs/parley/transports/postgres/src/crash.int.spec.ts': 'workers killed while messages flow',
  'libs/parley/transports/postgres/src/ending-process.int.spec.ts':
    'messages that end their process',
  'libs/parley/transports/postgres/src/hostile.int.spec.ts':
    'hostile messages in the tables of PostgreSQL',
  'libs/parley/transports/postgres/src/postgres-own.conformance.int.spec.ts':
    'the promises on PostgreSQL',
  'libs/parley/transports/postgres/src/log/silence.int.spec.ts':
    'the event log of PostgreSQL on a network that loses connections without a sign',
  'libs/parley/transports/postgres/src/store/canary-replays.int.spec.ts':
    'dead letters by the hundred, replayed in steps',
  'libs/parley/transports/postgres/src/poison.int.spec.ts':
    'a poison event among hundreds of others',
  'libs/parley/transports/postgres/src/queue/batches.int.spec.ts':
    'batches of messages on PostgreSQL',
  'libs/parley/transports/tcp/src/hostile.spec.ts': 'hostile calls over TCP',
  'libs/parley/transports/tcp/src/tcps.spec.ts': 'calls by TLS over TCP, lost networks among them',
  'tools/build/image-files.spec.mjs': 'the files of images, loaded from a folder of their own',
  'tools/build/pack.spec.mjs': 'the packages, installed into an application of its own',
};

/** By technology, the variable without which its specs are skipped. */
const BROKERS = {
  activemq: 'ACTIVEMQ_URL',
  kafka: 'KAFKA_URL',
  kinesis: 'KINESIS_URL',
  mqtt: 'MQTT_URL',
  rabbitmq: 'RABBITMQ_URL',
  redis: 'REDIS_URL',
  sqs: 'SQS_URL',
};

/**
 * The technologies whose broker is not given.
 * @param {NodeJS.ProcessEnv} env
 */
export const technologiesWithoutBroker = (env) =>
  Object.entries(BROKERS)
    .filter(([, variable]) => !env[variable])
    .map(([technology]) => technology);

/**
 * Programs that some tests need, and say so where they are missing.
 * @type {Readonly<Record<string, { readonly of: string; readonly tries: string }>>}
 */
const PROGRAMS = {
  pgbouncer: {
    of: 'pgbouncer',
    tries: 'a pooler before PostgreSQL (libs/parley/service/src/environments.int.spec.ts)',
  },
  promtool: {
    of: 'prometheus',
    tries: 'rules, alerts and queries in Prometheus (apps/console/src/observability.spec.ts)',
  },
};

/** @param {NodeJS.ProcessEnv} env */
const programsMissing = ({ PATH = '' }) =>
  Object.entries(PROGRAMS).filter(
    ([program]) =>
      !PATH.split(path.delimiter).some((folder) => fs.existsSync(path.join(folder, program))),
  );

/** Specs of tools run in Node's own runner, one by one with `node --test <path>`. */
const isPlain = (/** @type {string} */ file) => file.endsWith('.mjs');

/**
 * Regular expressions for the paths of specs that a run leaves out. Specs of a broker that is not
 * given would only be loaded, and skipped.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ all: boolean }} set
 */
export function leftOut(env, { all }) {
  const away = technologiesWithoutBroker(env).map(
    (technology) => `/transports/${technology}/src/.*\\.int\\.spec\\.ts$`,
  );
  const long = all ? [] : Object.keys(LONG_SPECS).map((file) => `/${file.replaceAll('.', '\\.')}$`);
  return [...away, ...long];
}

const PROMISES = 'libs/parley/conformance/src/guarantees.ts';

/**
 * The promises as they are declared, and those that a set does not try. Of the suites of promises
 * the fast set runs the one of calls, on gRPC; all specs try those that are fast on every technology.
 * @param {boolean} all
 */
function promises(all) {
  const declared = fs
    .readFileSync(PROMISES, 'utf8')
    .split(/^ {2}(?=T\d+: \{)/m)
    .slice(1);
  /** @param {string} promise */
  const isTried = (promise) =>
    promise.includes('fast: true') && (all || /kinds: (?:all|\[[^\]]*\bR\b)/.test(promise));
  const untried = declared.filter((promise) => !isTried(promise));
  return {
    count: declared.length,
    untried: untried.map((promise) => promise.slice(0, promise.indexOf(':'))),
  };
}

/**
 * Specs and promises that a run did not try, and the commands that try them.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ all: boolean }} set
 * @returns {readonly string[]} lines to print; none when everything was tried
 */
export function untried(env, { all }) {
  if (env['CONFORMANCE_REPORT']) return [];
  const { count, untried: slow } = promises(all);
  const away = technologiesWithoutBroker(env);
  const long = Object.entries(LONG_SPECS);
  return [
    ...(all
      ? []
      : [
          `Left out, for they take longer: ${long.length} spec files; npm test -- --all runs them with the others, npm test -- <path> runs one`,
          ...long.map(
            ([file, tries]) => `  ${isPlain(file) ? `node --test ${file}` : file}: ${tries}`,
          ),
        ]),
    `Not tried here, for they take longer: ${slow.length} of ${count} promises (${slow.join(' ')})${all ? ", and PostgreSQL in another database than the service's" : ''}`,
    ...(away.length > 0
      ? [
          `Not tried here, for no broker was given: every promise and spec of ${away.join(', ')}; npm run brokers -- --help says how to have one`,
        ]
      : []),
    ...programsMissing(env).map(
      ([program, { of, tries }]) =>
        `Not tried here, for ${program} is not installed: ${tries}; apt-get install ${of}`,
    ),
    'npm run conformance tries all promises; npm run crash, npm run removals, npm run mutants and npm run chaos try the rest',
  ];
}
