import type { Technology } from '@parley/messaging';
import { UnknownTechnology } from '@parley/messaging';

/*
 * Every technology this kit has, by URL scheme. One is loaded only when a URL names it: a service on PostgreSQL never pays
 * for RabbitMQ's client.
 */
const LOADERS: Readonly<Record<string, () => Promise<Technology>>> = {
  postgres: async () => (await import('@parley/postgres')).postgres,
  rabbitmq: async () => (await import('@parley/rabbitmq')).rabbitmq,
  kafka: async () => (await import('@parley/kafka')).kafka,
  activemq: async () => (await import('@parley/activemq')).activemq,
  mqtt: async () => (await import('@parley/mqtt')).mqtt,
  redis: async () => (await import('@parley/redis')).redis,
  sqs: async () => (await import('@parley/sqs')).sqs,
  kinesis: async () => (await import('@parley/kinesis')).kinesis,
  grpc: async () => (await import('@parley/grpc')).grpc,
  memory: async () => (await import('@parley/memory')).memory,
};

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
  memory: 'memory',
};

/**
 * The technologies that these URLs name, each loaded once.
 * @param urls by the variable that holds them, for the error
 * @throws UnknownTechnology
 */
export async function technologiesFor(urls: Readonly<Record<string, string | undefined>>): Promise<readonly Technology[]> {
  const names = Object.entries(urls).flatMap(([variable, url]) => (url === undefined ? [] : [technologyOf(variable, url)]));
  return Promise.all([...new Set(names)].map((name) => LOADERS[name]!()));
}

function technologyOf(variable: string, url: string): string {
  const scheme = url.slice(0, url.indexOf(':'));
  const name = SCHEMES[scheme];
  if (name !== undefined) return name;
  const known = Object.keys(SCHEMES).map((one) => `${one}://`);
  throw new UnknownTechnology(`${variable}: "${scheme}" names no technology; use one of ${known.join(', ')}`);
}
