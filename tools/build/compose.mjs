// npm run compose: docker/compose.yaml from topology.ts, and beside it, untracked, docker/.env with
// a password for everybody. What is in .env stays; `-- --on rabbitmq,kafka,redis` says there what carries
// messages, `-- --on postgres` takes it back, and `-- --observe yes` whether Prometheus and Grafana
// run, too. `-- --print` only shows the YAML.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { commandLine } from '../terminal/command-line.mjs';
import { passwordVariable, roles } from '../database/database.mjs';
import { httpPort, ownersCalled, topology } from '../topology/topology.mjs';

/** @import { Process } from '../../topology.js' */

const YAML = 'docker/compose.yaml';
const ENV = 'docker/.env';

/** Each container has its own ports: every service may use the same. */
const HTTP = 3000;
const OPERATIONS = 9000;
const CALLS = 5000;

/**
 * The technologies that have a container here: the variable each takes over, and whether it asks for
 * a password.
 * @type {Record<string, { sets: string, hasPassword: boolean }>}
 */
const TECHNOLOGIES = {
  rabbitmq: { sets: 'COMMANDS_URL', hasPassword: true },
  kafka: { sets: 'EVENTS_URL', hasPassword: false },
  redis: { sets: 'BROADCASTS_URL', hasPassword: true },
};

/** A name for the only one there is: Kafka wants its data to belong to a cluster. */
const CLUSTER = '5L6g3nShT-eMCtK--X86sw';
const KAFKA_FILE = '/etc/parley/kafka.properties';

/** The profile of Prometheus and Grafana. */
const OBSERVE = 'observe';

/**
 * Work under way may take the first on a stop; the second leaves the outbox, the technologies and
 * the database time to close.
 */
const DRAIN_TIMEOUT = '10s';
const STOP_GRACE = '20s';

/** @param {string} variable */
const required = (variable) => `\${${variable}:?is in docker/.env, which npm run compose makes}`;
/**
 * @param {string} variable
 * @param {string | number} [otherwise]
 */
const optional = (variable, otherwise = '') => `\${${variable}:-${otherwise}}`;
/**
 * @param {string} role
 * @param {string} variable
 */
const databaseUrl = (role, variable) =>
  `postgres://${role}:${required(variable)}@postgres:5432/parley`;
/**
 * @param {string[]} lines
 * @param {number} by
 */
const indented = (lines, by) => lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');

/**
 * Ports that people outside of the containers reach. Metrics and operations are elsewhere.
 * @param {Process} process
 */
const isPublished = ({ name, place }) => place === 'edge' || name === 'console';
/** @param {Process} process */
const keepsFiles = ({ place, outside = [] }) => place === 'outside' || outside.includes('mail');

function operationsUrls() {
  const inside = topology.filter(({ place }) => place !== 'outside');
  /** @param {Process} process */
  const url = (process) => `http://${process.name}:${isPublished(process) ? OPERATIONS : HTTP}`;
  return JSON.stringify(
    Object.fromEntries(inside.map((process) => [process.name, [url(process)]])),
  );
}

/** Variables that an administrator may set; empty counts as missing. */
const OF_EVERY_SERVICE = ['OPERATORS_ISSUER', 'OPERATORS_AUDIENCE', 'OPERATORS_JWKS_URL'];
const OF_THE_GATEWAY = [
  'AUTH_ISSUER',
  'AUTH_AUDIENCE',
  'AUTH_JWKS_URL',
  'GUEST_TOKENS_KEY',
  'RATE_LIMIT_READS',
  'RATE_LIMIT_WRITES',
  'RATE_LIMIT_URL',
  'TRUSTED_PROXIES',
  'CORS_ORIGINS',
];

/** @param {Process} process */
function environment(process) {
  const { name, place, data, answersCalls, outside = [] } = process;
  return [
    ...(data ? [`DATABASE_URL: ${databaseUrl(name, passwordVariable(name))}`] : []),
    ...(answersCalls ? [`CALLS_PORT: '${CALLS}'`] : []),
    ...(isPublished(process)
      ? [`OPERATIONS_PORT: '${OPERATIONS}'`, "OPERATIONS_HOST: '::'"] // in the network of the services
      : []),
    ...(place === 'outside' ? [] : [`ALLOWED_HOSTS: ${name}`]), // as the console calls it
    ...(outside.includes('payment-provider')
      ? [`PAYMENT_PROVIDER_URL: http://payment-provider:${HTTP}`]
      : []),
    ...(outside.includes('mail')
      ? [`MAIL_URL: ${optional('PARLEY_MAIL_URL', 'file:///data/mail')}`]
      : []),
    ...[
      ...(name === 'gateway' ? OF_THE_GATEWAY : []),
      ...(place === 'outside' ? [] : OF_EVERY_SERVICE),
    ].map((variable) => `${variable}: ${optional(variable)}`),
    ...(name === 'console' ? [`OPERATIONS_URLS: '${operationsUrls()}'`] : []),
  ];
}

/**
 * A service that is called is ready before its callers start, and stops after them.
 * @param {Process} process
 */
function dependencies(process) {
  const { data, outside = [] } = process;
  const others = [
    ...ownersCalled(process),
    ...outside.filter((name) => topology.some((process) => process.name === name)),
  ];
  return [
    ...(data ? ['<<: *stores'] : []),
    ...others.map((name) => `${name}: { condition: service_healthy }`),
  ];
}

/**
 * @param {string} name
 * @param {string[]} lines
 */
const section = (name, lines) => (lines.length ? [`    ${name}:\n${indented(lines, 6)}`] : []);

/** @param {Process} process */
function service(process) {
  const { name, purpose } = process;
  const port = optional(`PARLEY_${name.toUpperCase()}_PORT`, httpPort(process, 0));
  return [
    `  # ${purpose}\n  ${name}:\n    <<: *service`,
    `    command: [node, dist/apps/${name}/src/main.js]`,
    `    environment:\n${indented(['<<: *environment', ...environment(process)], 6)}`,
    ...section('depends_on', dependencies(process)),
    ...(isPublished(process) ? [`    ports: ['127.0.0.1:${port}:${HTTP}']`] : []),
    ...(keepsFiles(process) ? [`    volumes: ['${name}:/data']`] : []),
  ].join('\n');
}

const installEnvironment = () => [
  `INSTALL_URL: ${databaseUrl('parley', 'PARLEY_POSTGRES_PASSWORD')}`,
  ...roles().map((role) => `${passwordVariable(role)}: ${required(passwordVariable(role))}`),
];

const volumes = () => [
  'postgres',
  ...Object.keys(TECHNOLOGIES),
  'prometheus',
  'grafana',
  ...topology.filter(keepsFiles).map(({ name }) => name),
];

const yaml =
  () => `# Made by npm run compose from topology.ts: change it there, or in tools/build/compose.mjs. Passwords are in .env, which is made, too.
#   npm run compose && docker compose -f docker/compose.yaml build && docker compose -f docker/compose.yaml up --wait
name: parley

x-service: &service
  image: parley:${optional('PARLEY_BUILD', 'development')}
  pull_policy: never # \`install\` builds it for everybody
  restart: unless-stopped
  stop_grace_period: ${STOP_GRACE}
  read_only: true
  tmpfs: [/tmp]
  cap_drop: [ALL]
  security_opt: ['no-new-privileges:true']
  logging: &logging { driver: local } # bounded
  healthcheck: # the image's own asks for liveness; who waits here wants to know whether work is taken
    test: [CMD, node, docker/healthy.mjs, ready]
    interval: 5s
    timeout: 3s
    start_period: 60s
    retries: 6

x-environment: &environment
  CALLS_URL: grpc://{owner}:${CALLS}
  COMMANDS_URL: ${optional('PARLEY_COMMANDS_URL')} # unset: PostgreSQL
  BROADCASTS_URL: ${optional('PARLEY_BROADCASTS_URL')}
  EVENTS_URL: ${optional('PARLEY_EVENTS_URL')}
  LOG_LEVEL: ${optional('PARLEY_LOG_LEVEL', 'info')}
  OPERATIONS_TOKEN: ${required('OPERATIONS_TOKEN')}
  DRAIN_TIMEOUT: ${DRAIN_TIMEOUT}

x-stores: &stores
  install: { condition: service_completed_successfully }
${Object.keys(TECHNOLOGIES)
  .map((name) => `  ${name}: { condition: service_healthy, required: false }`)
  .join('\n')}

services:
  postgres:
    image: postgres:18
    command: [postgres, -c, config_file=/etc/postgresql/postgresql.conf]
    environment:
      POSTGRES_USER: parley
      POSTGRES_DB: parley
      POSTGRES_PASSWORD: ${required('PARLEY_POSTGRES_PASSWORD')}
    volumes: ['postgres:/var/lib/postgresql', './postgresql.conf:/etc/postgresql/postgresql.conf:ro']
    restart: unless-stopped
    stop_grace_period: 60s
    shm_size: 256mb
    logging: *logging
    healthcheck: # by TCP: while it makes its first data, it listens on its socket only
      test: [CMD, pg_isready, -h, 127.0.0.1, -U, parley, -d, parley]
      interval: 2s
      timeout: 3s
      retries: 30

  # once: a role and a schema for each service, and the schema of the messages
  install:
    <<: *service
    build:
      context: ..
      dockerfile: docker/Dockerfile
      args: { BUILD: '${optional('PARLEY_BUILD', 'development')}' }
    pull_policy: build
    command: [node, tools/database/install.mjs]
    restart: 'no'
    healthcheck: { disable: true }
    environment:
${indented(installEnvironment(), 6)}
    depends_on:
      postgres: { condition: service_healthy }

${topology.map(service).join('\n\n')}

  # carries commands, when .env says so
  rabbitmq:
    profiles: [rabbitmq]
    image: rabbitmq:4
    hostname: rabbitmq # names its data, too
    environment:
      RABBITMQ_DEFAULT_USER: parley
      RABBITMQ_DEFAULT_PASS: ${required('PARLEY_RABBITMQ_PASSWORD')}
    volumes: ['rabbitmq:/var/lib/rabbitmq', './rabbitmq.conf:/etc/rabbitmq/conf.d/20-parley.conf:ro']
    restart: unless-stopped
    stop_grace_period: 60s
    logging: *logging
    healthcheck:
      test: [CMD, rabbitmq-diagnostics, -q, check_port_connectivity]
      interval: 10s
      timeout: 15s
      retries: 12

  # carries events, when .env says so; it asks nobody for a password, and only the network of the services reaches it
  kafka:
    profiles: [kafka]
    image: apache/kafka:4.3.1
    command: [sh, -c, 'cd /opt/kafka && bin/kafka-storage.sh format --ignore-formatted --cluster-id ${CLUSTER} --config ${KAFKA_FILE} && exec bin/kafka-server-start.sh ${KAFKA_FILE}']
    environment: { KAFKA_HEAP_OPTS: -Xms256m -Xmx512m, LOG_DIR: /tmp }
    volumes: ['kafka:/var/lib/kafka/data', './kafka.properties:${KAFKA_FILE}:ro']
    restart: unless-stopped
    stop_grace_period: 60s
    logging: *logging
    healthcheck:
      test: [CMD, bash, -c, '</dev/tcp/127.0.0.1/9092']
      interval: 5s
      timeout: 3s
      retries: 30

  # carries broadcasts, when .env says so
  redis:
    profiles: [redis]
    image: redis:8
    command: [redis-server, /usr/local/etc/redis/redis.conf, --requirepass, '${required('PARLEY_REDIS_PASSWORD')}']
    environment:
      REDISCLI_AUTH: ${required('PARLEY_REDIS_PASSWORD')}
    volumes: ['redis:/data', './redis.conf:/usr/local/etc/redis/redis.conf:ro']
    restart: unless-stopped
    stop_grace_period: 20s
    logging: *logging
    healthcheck:
      test: [CMD-SHELL, 'redis-cli ping | grep -q PONG']
      interval: 2s
      timeout: 3s
      retries: 30

  # keeps the figures of the services and watches the rules of alerts, when .env says so
  prometheus:
    profiles: [${OBSERVE}]
    image: prom/prometheus:v3.5.0
    command: [--config.file=/etc/prometheus/prometheus.yaml, --storage.tsdb.path=/prometheus, --storage.tsdb.retention.time=15d]
    volumes: ['prometheus:/prometheus', './observability:/etc/prometheus:ro']
    ports: ['127.0.0.1:${optional('PARLEY_PROMETHEUS_PORT', 9090)}:9090']
    restart: unless-stopped
    stop_grace_period: 30s
    logging: *logging
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:9090/-/ready']
      interval: 5s
      timeout: 3s
      retries: 30

  # shows them; its user is admin
  grafana:
    profiles: [${OBSERVE}]
    image: grafana/grafana:12.1.0
    environment:
      GF_SECURITY_ADMIN_PASSWORD: ${required('PARLEY_GRAFANA_PASSWORD')}
      GF_ANALYTICS_REPORTING_ENABLED: 'false'
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false'
    volumes: ['grafana:/var/lib/grafana', './observability/grafana:/etc/grafana/provisioning:ro', './observability/dashboards:/etc/grafana/dashboards:ro']
    ports: ['127.0.0.1:${optional('PARLEY_GRAFANA_PORT', 3300)}:3000']
    depends_on:
      prometheus: { condition: service_healthy, required: false }
    restart: unless-stopped
    stop_grace_period: 30s
    logging: *logging
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:3000/api/health']
      interval: 5s
      timeout: 3s
      retries: 30

volumes:
${volumes()
  .map((name) => `  ${name}:`)
  .join('\n')}
`;

/**
 * @param {string} file
 * @returns {Record<string, string>}
 */
const readEnv = (file) =>
  fs.existsSync(file)
    ? Object.fromEntries(
        [...fs.readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [
          name,
          value,
        ]),
      )
    : {};

/** Letters, digits, - and _: they mean nothing in a URL, nor in .env. */
const password = () => randomBytes(24).toString('base64url');

/**
 * @param {Record<string, string>} kept
 * @returns {Record<string, string>}
 */
function passwords(kept) {
  const guarded = Object.keys(TECHNOLOGIES).filter((name) => TECHNOLOGIES[name]?.hasPassword);
  const variables = ['postgres', ...roles(), ...guarded, 'grafana'].map(passwordVariable);
  return Object.fromEntries(
    [...variables, 'OPERATIONS_TOKEN'].map((variable) => [variable, kept[variable] ?? password()]),
  );
}

/**
 * @param {string[]} on what carries messages; postgres carries what nobody else does
 * @param {Record<string, string>} secret
 * @returns {Record<string, string>}
 */
function carriers(on, secret) {
  /** @type {Record<string, string>} */
  const urls = {
    rabbitmq: `amqp://parley:${secret[passwordVariable('rabbitmq')]}@rabbitmq:5672`,
    kafka: 'kafka://kafka:9092',
    redis: `redis://:${secret[passwordVariable('redis')]}@redis:6379`,
  };
  const chosen = Object.entries(TECHNOLOGIES).map(([name, { sets }]) => [
    `PARLEY_${sets}`,
    (on.includes(name) && urls[name]) || '',
  ]);
  return Object.fromEntries(chosen);
}

/**
 * The profiles of Compose: what is not chosen now stays.
 * @param {Record<string, string>} kept
 * @param {string[] | undefined} on
 * @param {boolean | undefined} observe
 */
function profiles(kept, on, observe) {
  const before = (kept['COMPOSE_PROFILES'] ?? '').split(',');
  const isObserved = observe ?? before.includes(OBSERVE);
  return [
    ...(on ?? before).filter((name) => name in TECHNOLOGIES),
    ...(isObserved ? [OBSERVE] : []),
  ];
}

/**
 * @param {string} file
 * @param {string[] | undefined} on
 * @param {boolean | undefined} observe
 */
function writeEnv(file, on, observe) {
  const kept = readEnv(file);
  const secret = passwords(kept);
  const all = {
    ...kept,
    ...secret,
    ...(on ? carriers(on, secret) : {}),
    ...(on || observe !== undefined
      ? { COMPOSE_PROFILES: profiles(kept, on, observe).join(',') }
      : {}),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\n`);
  fs.writeFileSync(file, lines.join(''), { mode: 0o600 });
  const added = Object.keys(secret).filter((name) => !(name in kept)).length;
  console.log(
    `${file}: ${added ? `${added} passwords made` : 'every password was there'}; on ${all['COMPOSE_PROFILES'] || 'postgres'}`,
  );
}

/**
 * @param {{ on?: string }} options
 * @returns {string[] | undefined}
 */
function chosen({ on }) {
  const names = on?.split(',').filter(Boolean);
  const known = ['postgres', ...Object.keys(TECHNOLOGIES)];
  const unknown = names?.find((name) => !known.includes(name));
  if (!unknown) return names;
  console.error(`There is no "${unknown}" in compose.yaml: it is one of ${known.join(', ')}.`);
  process.exit(1);
}

/** @param {{ observe?: string }} options */
function observed({ observe }) {
  if (observe === undefined || observe === 'yes' || observe === 'no')
    return observe === undefined ? undefined : observe === 'yes';
  console.error(`--observe is yes or no, not "${observe}".`);
  process.exit(1);
}

const HELP = `npm run compose [-- options]      writes docker/compose.yaml from topology.ts, and docker/.env with a password for each role

  --on a,b     what carries messages: ${['postgres', ...Object.keys(TECHNOLOGIES)].join(', ')}; kept in .env until said otherwise
  --observe X  yes: Prometheus and Grafana run, too; no: they do not; kept in .env until said otherwise
  --env FILE   the passwords into this file instead of ${ENV}, and nothing else is written
  --print      prints the YAML and writes nothing
  --help`;

const { values } = commandLine(HELP, {
  options: {
    on: { type: 'string' },
    observe: { type: 'string' },
    env: { type: 'string' },
    print: { type: 'boolean' },
  },
});
if (values.print) {
  process.stdout.write(yaml());
} else {
  const on = chosen(values);
  const observe = observed(values);
  if (values.env === undefined) {
    fs.writeFileSync(YAML, yaml());
    console.log(`${YAML}: ${topology.length} processes`);
  }
  writeEnv(values.env ?? ENV, on, observe);
}
