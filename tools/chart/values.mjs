// kubernetes/values.yaml and its schema, as text: settings of people above, and below them what
// follows from topology.ts.
import { facts, KINDS } from './facts.mjs';

/** @import { Facts } from './facts.mjs' */

/**
 * Seconds of a stop after work under way has ended: AFTERWARDS of the kit. The spec of the
 * chart compares them.
 */
const CLOSE_SECONDS = 9;

/** Seen after 100 orders: 104 to 130 MiB, 53 MiB outside. The edge holds streams, too. */
const MEMORY = { inside: ['192Mi', '384Mi'], edge: ['256Mi', '512Mi'], outside: ['96Mi', '192Mi'] };

/** @param {readonly string[]} names */
const list = (names) => `[${names.join(', ')}]`;

const HEAD = `# Made by npm run chart from topology.ts: change it there, or in tools/chart/values.mjs. Settings of your own go into a file of
# your own: helm upgrade --install parley kubernetes --values my-values.yaml. A name that is not here is refused.

image:
  # {service} in it stands for the name of the process, where each has an image of its own (docker/README.md).
  repository: parley
  tag: '' # of a build; empty: appVersion of Chart.yaml
  digest: '' # sha256:…, instead of the tag; fits one image for all
  pullPolicy: IfNotPresent
  pullSecrets: []

database:
  # Without user and password: every service has a role of its own. postgres://db.internal:5432/parley?sslmode=verify-full
  url: ''
  # A Secret with a key for each role (the names of the services), and its password in letters, digits, - and _.
  passwordsSecret: parley-database
  install:
    enabled: true # roles, schemas and the schema of the messages, before each installation and upgrade
    # Before the services. Without it, beside them, for a database that is a part of this release.
    hook: true
    # A Secret whose INSTALL_URL is the URL of an administrator: CREATEROLE and the database are enough.
    secret: parley-database-install

# A Secret with the token of operations, 16 characters or more, the same for all services.
operationsToken:
  secret: parley-operations
  key: token

# Technologies of messages: a Secret each, whose key has the URL with its password. Default: PostgreSQL.
messages:
  commands: { secret: '', key: url }
  broadcasts: { secret: '', key: url }
  events: { secret: '', key: url }

# Calls by mutual TLS, and only those that topology.ts lists: a Secret for each service with tls.crt, tls.key and ca.crt, as cert-manager makes
# them; {service} in its name stands for the service, whose name the certificate has (docs/security.md). None: calls are in plain text, by anybody.
calls: { tlsSecret: '' }

paymentProvider:
  url: '' # https://provider.example
  standIn: false # the one of apps/payment-provider, for trials

mail:
  url: '' # smtp://mail.internal:587, or file:///data/mail for trials
  secret: '' # instead of it, a Secret whose key has a URL with a password
  key: url

# Certificates beside those of Node, for the database and others: a Secret or ConfigMap with ca.crt.
certificates: { secret: '', configMap: '' }

# Variables of every service; those of one are below. docs/operations.md, libs/parley/service/README.md
env:
  LOG_LEVEL: info

drain:
  preStopSeconds: 5 # a pod is asked for nothing new: until every node and load balancer knows that it ends
  timeoutSeconds: 10 # DRAIN_TIMEOUT: how long work under way may take
  closeSeconds: ${CLOSE_SECONDS} # what the kit takes after it at most: the outbox, the technologies, the database, traces

podSecurity:
  userId: 10001
  groupId: 10001

# nodeSelector, tolerations, affinity and the like of every pod.
podSpec: {}
podAnnotations: {}

exposure:
  kind: none # ingress, route (Gateway API) or none
  host: ''
  annotations: {}
  ingress: { className: '', tlsSecret: '' }
  route: { parentRefs: [] } # [{ name: shared, namespace: gateways, sectionName: https }]

networkPolicy:
  enabled: true
  # Peers of a NetworkPolicy. None: from any address, or to any address at these ports.
  edge: { from: [] } # who may reach the gateway
  operators: { from: [] } # who may reach the console; none: nobody but kubectl port-forward
  monitoring: { from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }] }
  keda: { from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: keda } } }] }
  dns: { to: [{ namespaceSelector: {}, podSelector: { matchLabels: { k8s-app: kube-dns } } }], ports: [53] }
  database: { to: [], ports: [5432] }
  commands: { to: [], ports: [5672] }
  broadcasts: { to: [], ports: [6379] }
  events: { to: [], ports: [9092] }
  paymentProvider: { to: [], ports: [443] }
  mail: { to: [], ports: [587] }
  issuer: { to: [], ports: [443] } # of tokens, for services whose environment names one
  further: {} # of one service: { gateway: { egress: [...], ingress: [...] } }, as in a NetworkPolicy

# Instances by CPU. Where keda is on, those with a backlog follow it, too.
autoscaling:
  enabled: true
  cpu: 70 # percent of the request
  keda: false # needs KEDA in the cluster
  # Seconds until the backlog should be handled: with perSecond of a service this makes KEDA's target.
  drainSeconds: 30
  pollingSeconds: 15

monitoring:
  serviceMonitor: false # needs the Prometheus operator, and so do the rules
  rules: false
  labels: {}
  interval: 30s

# For trials and development only: values-development.yaml
development:
  secrets: false # makes the Secrets above with passwords of its own
  postgres: false
  brokers: false # RabbitMQ, Redis and Kafka
  images: { postgres: 'postgres:18', rabbitmq: 'rabbitmq:4', redis: 'redis:8', kafka: 'apache/kafka:4.3.1' }

test:
  seconds: 180 # how long helm test waits for the delivery of an order
`;

const SERVICES = `
# Settings of each process. Requests and limits: seen were 104 to 130 MiB a service after 100 orders by npm start, 53 MiB for the stand-in, and room for
# load; CPU by bench/README.md. Measure your own.
services:
`;

const TOPOLOGY = `
# Processes as topology.ts has them. Do not change them here.
topology:
`;

/** @param {Facts} facts */
function service({ name, purpose, place, subscriptions }) {
  const [request, limit] = MEMORY[place];
  const isOurs = place !== 'outside';
  return [
    `  # ${purpose}`,
    `  ${name}:`,
    `    replicas: ${isOurs ? 2 : 1}`,
    `    maxReplicas: ${isOurs ? 6 : 1}`,
    ...(subscriptions.length > 0
      ? [
          '    perSecond: 20 # messages that one instance handles in a second: rate(parley_messages_handled_total[5m]) of a busy one',
        ]
      : []),
    '    resources:',
    `      requests: { cpu: 100m, memory: ${request}, ephemeral-storage: 64Mi }`,
    `      limits: { cpu: '1', memory: ${limit}, ephemeral-storage: 512Mi }`,
    '    env: {}',
    '    envFrom: [] # [{ secretRef: { name: parley-gateway } }]',
  ].join('\n');
}

/** @param {readonly { name: string, port: number }[]} connections */
const connections = (connections) =>
  list(connections.map(({ name, port }) => `{ name: ${name}, port: ${port} }`));

/** @param {Facts} facts */
function process(facts) {
  const { name, place, role, operationsPort, callsPort } = facts;
  return [
    `  ${name}:`,
    `    place: ${place}`,
    ...(role ? [`    role: ${role}`] : []),
    ...(operationsPort ? [`    operationsPort: ${operationsPort}`] : []),
    ...(callsPort ? [`    callsPort: ${callsPort}`] : []),
    ...Object.entries(facts.callsAllowed).map(
      ([variable, callers], index) =>
        `${index === 0 ? '    callsAllowed:\n' : ''}      ${variable}: ${callers}`,
    ),
    `    messages: ${list(facts.messages)}`,
    `    subscriptions: ${list(facts.subscriptions)}`,
    `    outside: ${list(facts.outside)}`,
    `    asksOperations: ${facts.asksOperations}`,
    `    keepsFiles: ${facts.keepsFiles}`,
    `    reaches: ${connections(facts.reaches)}`,
    `    reachedBy: ${connections(facts.reachedBy)}`,
  ].join('\n');
}

export function valuesYaml() {
  const all = facts();
  return [
    HEAD,
    SERVICES,
    all.map(service).join('\n'),
    '\n',
    TOPOLOGY,
    all.map(process).join('\n'),
    '\n',
  ].join('');
}

/** @typedef {Record<string, unknown>} Schema */

const text = { type: 'string' };
const whole = { type: 'integer', minimum: 0 };
const flag = { type: 'boolean' };
const anything = { type: 'object' };
const variables = {
  type: 'object',
  propertyNames: { pattern: '^[A-Z][A-Z0-9_]*$' },
  additionalProperties: { type: ['string', 'number', 'boolean'] },
};
const objects = { type: 'array', items: { type: 'object' } };
const names = { type: 'array', items: text };
const ports = { type: 'array', items: { type: 'integer', minimum: 1, maximum: 65_535 } };
const pairs = { type: 'array', items: { type: 'object', required: ['name', 'port'] } };
const secretKey = () => exactly({ secret: text, key: text });
const outgoing = () => exactly({ to: objects, ports });
const incoming = () => exactly({ from: objects });

/**
 * An object with these fields and no other: a misspelt name is refused.
 * @param {Record<string, Schema>} properties
 * @returns {Schema}
 */
function exactly(properties) {
  return { type: 'object', properties, additionalProperties: false };
}

/** @param {readonly string[]} values */
const oneOf = (values) => ({ enum: values });

const resources = () => {
  const amounts = exactly({
    cpu: { type: ['string', 'number'] },
    memory: text,
    'ephemeral-storage': text,
  });
  return exactly({ requests: amounts, limits: amounts });
};

/** @param {Facts} facts */
const settingsSchema = ({ subscriptions }) =>
  exactly({
    replicas: whole,
    maxReplicas: { type: 'integer', minimum: 1 },
    ...(subscriptions.length > 0 ? { perSecond: { type: 'number', exclusiveMinimum: 0 } } : {}),
    resources: resources(),
    env: variables,
    envFrom: objects,
  });

const processSchema = () =>
  exactly({
    place: text,
    role: text,
    operationsPort: whole,
    callsPort: whole,
    callsAllowed: variables,
    messages: { type: 'array', items: oneOf(KINDS) },
    subscriptions: names,
    outside: names,
    asksOperations: flag,
    keepsFiles: flag,
    reaches: pairs,
    reachedBy: pairs,
  });

/**
 * @param {readonly Facts[]} all
 * @param {(facts: Facts) => Schema} schemaOf
 */
const ofEach = (all, schemaOf) =>
  exactly(Object.fromEntries(all.map((one) => [one.name, schemaOf(one)])));

export function valuesSchema() {
  const all = facts();
  const schema = exactly({
    global: anything,
    image: exactly({
      repository: { type: 'string', minLength: 1 },
      tag: text,
      digest: { type: 'string', pattern: '^$|^sha256:[0-9a-f]{64}$' },
      pullPolicy: oneOf(['Always', 'IfNotPresent', 'Never']),
      pullSecrets: objects,
    }),
    database: exactly({
      url: { type: 'string', pattern: '^$|^postgres(ql)?://[^@]+$' },
      passwordsSecret: { type: 'string', minLength: 1 },
      install: exactly({ enabled: flag, hook: flag, secret: { type: 'string', minLength: 1 } }),
    }),
    operationsToken: secretKey(),
    messages: exactly(Object.fromEntries(KINDS.map((kind) => [kind, secretKey()]))),
    calls: exactly({ tlsSecret: { type: 'string', pattern: '^$|\\{service\\}' } }),
    paymentProvider: exactly({
      url: { type: 'string', pattern: '^$|^https?://' },
      standIn: flag,
    }),
    mail: exactly({
      url: { type: 'string', pattern: '^$|^(smtps?|file)://' },
      secret: text,
      key: text,
    }),
    certificates: exactly({ secret: text, configMap: text }),
    env: variables,
    drain: exactly({ preStopSeconds: whole, timeoutSeconds: whole, closeSeconds: whole }),
    podSecurity: exactly({
      userId: { type: 'integer', minimum: 1 },
      groupId: { type: 'integer', minimum: 1 },
    }),
    podSpec: anything,
    podAnnotations: anything,
    exposure: exactly({
      kind: oneOf(['none', 'ingress', 'route']),
      host: text,
      annotations: anything,
      ingress: exactly({ className: text, tlsSecret: text }),
      route: exactly({ parentRefs: objects }),
    }),
    networkPolicy: exactly({
      enabled: flag,
      ...Object.fromEntries(
        ['edge', 'operators', 'monitoring', 'keda'].map((name) => [name, incoming()]),
      ),
      ...Object.fromEntries(
        ['dns', 'database', ...KINDS, 'paymentProvider', 'mail', 'issuer'].map((name) => [
          name,
          outgoing(),
        ]),
      ),
      further: ofEach(all, () => exactly({ ingress: objects, egress: objects })),
    }),
    autoscaling: exactly({
      enabled: flag,
      cpu: { type: 'integer', minimum: 1, maximum: 100 },
      keda: flag,
      drainSeconds: { type: 'integer', minimum: 1 },
      pollingSeconds: { type: 'integer', minimum: 1 },
    }),
    monitoring: exactly({ serviceMonitor: flag, rules: flag, labels: anything, interval: text }),
    development: exactly({
      secrets: flag,
      postgres: flag,
      brokers: flag,
      images: exactly(
        Object.fromEntries(['postgres', 'rabbitmq', 'redis', 'kafka'].map((name) => [name, text])),
      ),
    }),
    test: exactly({ seconds: { type: 'integer', minimum: 1 } }),
    services: ofEach(all, settingsSchema),
    topology: ofEach(all, processSchema),
  });
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', title: 'Made by npm run chart', ...schema }, null, 2)}\n`;
}
