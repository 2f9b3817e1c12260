import type { Technology } from '@parley/messaging';
import { UnknownTechnologyError } from '@parley/messaging/transport';

/*
 * Every technology this kit has, by URL scheme. One is loaded only when a URL names it: a service
 * on PostgreSQL never pays for RabbitMQ's client.
 */
const LOADERS: Readonly<Record<string, () => Promise<Technology>>> = {
  postgres: async () => (await import('@parley/postgres')).postgres,
  rabbitmq: async () => (await import('@parley/rabbitmq')).rabbitmq,
  kafka: async () => (await import('@parley/kafka')).kafka,
  activemq: async () => (await import('@parley/activemq')).activemq,
  mqtt: async () => (await import('@parley/mqtt')).mqtt,
  redis: async () => (await import('@parley/redis')).redis,
  sqs: async () => (spareAdvice(), (await import('@parley/sqs')).sqs),
  kinesis: async () => (spareAdvice(), (await import('@parley/kinesis')).kinesis),
  grpc: async () => (await import('@parley/grpc')).grpc,
  memory: async () => (await import('@parley/memory')).memory,
};

/**
 * Which Node its versions to come will need, AWS's SDK writes to stderr whenever a process starts;
 * whoever raises its version here finds it in the release notes.
 */
function spareAdvice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

const SCHEMES: Readonly<Record<string, keyof typeof LOADERS>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  kafka: 'kafka',
  kafkas: 'kafka',
  activemq: 'activemq',
  activemqs: 'activemq',
  mqtt: 'mqtt',
  mqtts: 'mqtt',
  redis: 'redis',
  rediss: 'redis',
  sqs: 'sqs',
  kinesis: 'kinesis',
  grpc: 'grpc',
  memory: 'memory',
};

/**
 * The technologies that these URLs name, each loaded once.
 * @param urls by the variable that holds them, for the error
 * @throws UnknownTechnologyError
 */
export async function technologiesFor(
  urls: Readonly<Record<string, string | undefined>>,
): Promise<readonly Technology[]> {
  const names = Object.entries(urls).flatMap(([variable, url]) =>
    url === undefined ? [] : [technologyOf(variable, url)],
  );
  return Promise.all([...new Set(names)].map((name) => LOADERS[name]!()));
}

function technologyOf(variable: string, url: string): string {
  const scheme = url.slice(0, url.indexOf(':'));
  const name = SCHEMES[scheme];
  if (name !== undefined) return name;
  const isForCalls = /^CALLS_URL/.test(variable);
  const known = Object.keys(SCHEMES)
    .filter((one) => isForCalls === (SCHEMES[one] === 'grpc'))
    .map((one) => `${one}://`);
  throw new UnknownTechnologyError(
    `${variable}: "${scheme}" names no technology; use one of ${known.join(', ')}`,
  );
}
