import type { Technology } from '@parley/messaging';
import { UnknownTechnologyError } from '@parley/messaging/transport';
import { installed } from './installed';

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
  http: async () => (await import('@parley/http')).http,
  tcp: async () => (await import('@parley/tcp')).tcp,
  memory: async () => (await import('@parley/memory')).memory,
};

/**
 * Silences a warning: at every start the AWS SDK prints to stderr which Node its later versions
 * need. Its release notes say it, too.
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
  grpcs: 'grpc',
  http: 'http',
  https: 'http',
  tcp: 'tcp',
  tcps: 'tcp',
  memory: 'memory',
};

/** Technologies that the error recommends for calls: not memory, which is for tests. */
const FOR_CALLS = new Set<keyof typeof LOADERS>(['grpc', 'http', 'tcp']);

/**
 * One's own technologies, and those of the kit that these URLs name, each loaded once. One's own
 * comes before one of the kit that answers to the same scheme.
 * @param urls by the variable that holds them, for the error
 * @throws UnknownTechnologyError
 * @throws NotInstalledError naming the package of a technology
 */
export async function technologiesFor(
  urls: Readonly<Record<string, string | undefined>>,
  own: readonly Technology[] = [],
): Promise<readonly Technology[]> {
  const named = new Map<string, Promise<Technology>>();
  for (const [variable, url] of Object.entries(urls)) {
    if (url === undefined) continue;
    const name = nameInKit(variable, url, own);
    if (name !== undefined && !named.has(name)) named.set(name, loaded(variable, name));
  }
  return [...own, ...(await Promise.all(named.values()))];
}

/** Undefined: the URL is for one's own technology. */
function nameInKit(variable: string, url: string, own: readonly Technology[]): string | undefined {
  const scheme = url.slice(0, url.indexOf(':'));
  if (own.some(({ schemes }) => schemes.includes(scheme))) return undefined;
  const name = SCHEMES[scheme];
  if (name !== undefined) return name;
  const isForCalls = /^CALLS_URL/.test(variable);
  const known = [
    ...Object.keys(SCHEMES).filter((one) => isForCalls === FOR_CALLS.has(SCHEMES[one]!)),
    ...own
      .filter(({ kinds }) => isForCalls === kinds.includes('call'))
      .flatMap(({ schemes }) => schemes),
  ].map((one) => `${one}://`);
  throw new UnknownTechnologyError(
    `${variable}: "${scheme}" names no technology; use one of ${known.join(', ')}`,
  );
}

const loaded = (variable: string, name: string): Promise<Technology> =>
  installed(`@parley/${name}`, `${variable}: ${name} is`, LOADERS[name]!);
