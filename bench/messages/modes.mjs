// The benches of one-way messages: their works and contestants.
import { messagesBench } from './measure.mjs';

/** @import { Contestant, Mode } from '../measure/mode.mjs' */
/** @import { Plan } from './measure.mjs' */

/** @type {Record<string, Plan & { what: string }>} */
const COMMANDS = {
  send: {
    what: 'send one by one, each in a commit of its own, 10 at once',
    phase: 'send',
    count: 3_000,
  },
  'send-100': {
    what: 'send 100 in a transaction, one transaction after the other',
    phase: 'send',
    count: 20_000,
    together: 100,
    atOnce: 1,
  },
  handle: {
    what: 'handle one by one, 10 at once, without a key, without an effect',
    phase: 'handle',
    count: 3_000,
  },
  'handle-effect': {
    what: 'handle one by one, 10 at once, without a key, with one insert',
    phase: 'handle',
    count: 3_000,
    effect: true,
  },
  'handle-keyed': {
    what: 'handle one by one, 10 at once, in order for each of 100 keys, without an effect',
    phase: 'handle',
    count: 3_000,
    keyed: true,
  },
  'handle-keyed-effect': {
    what: 'handle one by one, 10 at once, in order for each of 100 keys, with one insert',
    phase: 'handle',
    count: 3_000,
    keyed: true,
    effect: true,
  },
  batch: {
    what: 'handle in batches of 100, without an effect',
    phase: 'handle',
    count: 20_000,
    batch: 100,
  },
  latency: {
    what: 'from sending to the handler, 100 a second',
    phase: 'latency',
    count: 1_000,
  },
};

/** @param {Record<string, Plan & { what: string }>} plans */
const worksOf = (plans) => Object.entries(plans).map(([name, { what }]) => ({ name, what }));

const KEYED = ['handle-keyed', 'handle-keyed-effect'];

/** @type {Mode} */
const commandPostgres = {
  name: 'command-postgres',
  what: "Commands in the service's own PostgreSQL: orders of 500 bytes, validated on both sides",
  servers: ['postgres'],
  works: worksOf(COMMANDS),
  limit: 'by-hand',
  contestants: [
    {
      name: 'parley',
      label: 'Parley',
      file: 'messages/parley.mjs',
      with: { kind: 'command', technology: 'postgres' },
      settings: 'defaults; concurrency 10, `batch: 100`. Each message takes effect once.',
    },
    {
      name: 'by-hand',
      label: 'by hand',
      file: 'messages/by-hand-postgres.mjs',
      packages: ['pg'],
      settings:
        'a table, `for update skip locked`, the deletion in the transaction of the handling, NOTIFY; ten connections, or one for batches. Each message takes effect once.',
    },
    {
      name: 'graphile-worker',
      label: 'graphile-worker',
      file: 'messages/graphile-worker.mjs',
      packages: ['graphile-worker'],
      without: KEYED,
      settings:
        '`concurrency: 10`; for the row of batches `localQueue: { size: 500 }` and `completeJobBatchDelay: 0`, as its page on performance advises, but single handlings: it has no handler of batches. A named queue takes one job at a time, but not in the order in which they were added together, so there is no row for keys. At least once.',
    },
    {
      name: 'pg-boss',
      label: 'pg-boss',
      file: 'messages/pg-boss.mjs',
      packages: ['pg-boss'],
      settings:
        '`batchSize` 10, or 100 for batches, `burstWhenBatchFull`, LISTEN/NOTIFY on; `key_strict_fifo` for keys. At least once.',
    },
    {
      name: 'bullmq',
      label: 'BullMQ',
      file: 'messages/bullmq.mjs',
      packages: ['bullmq', 'ioredis'],
      servers: ['redis'],
      without: KEYED,
      settings:
        'Redis with `appendfsync always`; `concurrency: 10`, or 100 for batches, which are single handlings; effects go to PostgreSQL. Keys are for its paid version. At least once; a job is not part of the transaction of its sender.',
    },
  ],
  measure: messagesBench(COMMANDS),
};

/**
 * As commands, in the order of keys, which events always have.
 * @type {typeof COMMANDS}
 */
const EVENTS = {
  send: { ...plan('send'), keyed: true },
  'send-100': { ...plan('send-100'), keyed: true },
  handle: { ...plan('handle-keyed') },
  'handle-effect': { ...plan('handle-keyed-effect') },
  batch: {
    ...plan('batch'),
    keyed: true,
    what: 'handle in batches of up to 100, without an effect',
  },
  latency: { ...plan('latency'), keyed: true },
};

/** @param {string} name */
function plan(name) {
  const found = COMMANDS[name];
  if (!found) throw new Error(`there is no plan ${name}`);
  return found;
}

/** @type {Mode} */
const eventPostgres = {
  name: 'event-postgres',
  what: 'Events in PostgreSQL, in order for each of 100 keys: orders of 500 bytes, validated on both sides',
  servers: ['postgres'],
  works: worksOf(EVENTS),
  limit: 'by-hand',
  contestants: [
    {
      name: 'parley',
      label: 'Parley',
      file: 'messages/parley.mjs',
      with: { kind: 'event', technology: 'postgres' },
      settings: 'defaults; concurrency 10, `batch: 100`. Each event takes effect once.',
    },
    {
      name: 'by-hand',
      label: 'by hand',
      file: 'messages/by-hand-log.mjs',
      packages: ['pg'],
      settings:
        'a log in the order of transactions, ten partitions, the position moved in the transaction of the handling, NOTIFY. Each event takes effect once.',
    },
  ],
  measure: messagesBench(EVENTS),
};

/** @type {typeof COMMANDS} */
const THROUGH_BROKER = {
  send: {
    what: 'publish one by one, confirmed, 64 at once',
    phase: 'send',
    count: 10_000,
    atOnce: 64,
  },
  'handle-effect': {
    what: 'handle one by one with one insert',
    phase: 'handle',
    count: 3_000,
    effect: true,
  },
  batch: {
    what: 'handle in batches of 100, without an effect',
    phase: 'handle',
    count: 20_000,
    batch: 100,
  },
  latency: plan('latency'),
};
const ONCE = 'Each message takes effect once.';
const AT_LEAST_ONCE = 'At least once: no inbox.';

/** @type {Mode} */
const commandRabbitmq = {
  name: 'command-rabbitmq',
  what: 'Commands on RabbitMQ, persistent messages in quorum queues: orders of 500 bytes, validated on both sides',
  servers: ['postgres', 'rabbitmq'],
  works: worksOf(THROUGH_BROKER),
  limit: 'by-hand',
  contestants: [
    {
      name: 'parley',
      label: 'Parley',
      file: 'messages/parley.mjs',
      with: { kind: 'command', technology: 'rabbitmq' },
      settings: `defaults; concurrency 10, \`batch: 100\`; published without a transaction. ${ONCE}`,
    },
    {
      name: 'by-hand',
      label: 'by hand, amqplib and an inbox',
      file: 'messages/amqplib.mjs',
      packages: ['amqplib', 'pg'],
      with: { inbox: true },
      settings: `prefetch 10, or 200 for batches; an inbox row in the transaction of the effect, then the acknowledgement. ${ONCE}`,
    },
    {
      name: 'amqplib',
      label: 'amqplib',
      file: 'messages/amqplib.mjs',
      packages: ['amqplib'],
      with: { inbox: false },
      settings: `the same without the inbox. ${AT_LEAST_ONCE}`,
    },
    {
      name: 'rabbitmq-client',
      label: 'rabbitmq-client',
      file: 'messages/rabbitmq-client.mjs',
      packages: ['rabbitmq-client'],
      without: ['batch'],
      settings: `confirms, prefetch and concurrency 10. ${AT_LEAST_ONCE}`,
    },
    {
      name: 'nest',
      label: 'Nest',
      file: 'messages/nest.mjs',
      packages: ['@nestjs/microservices', 'amqplib'],
      with: { technology: 'rabbitmq' },
      without: ['batch'],
      settings: `\`noAck: false\`, prefetch 10, acknowledged by the handler. ${AT_LEAST_ONCE}`,
    },
  ],
  measure: messagesBench(THROUGH_BROKER),
};

/** @type {typeof COMMANDS} */
const THROUGH_LOG = Object.fromEntries(
  Object.entries(THROUGH_BROKER).map(([name, one]) => [name, { ...one, keyed: true }]),
);

/** @type {Mode} */
const eventKafka = {
  name: 'event-kafka',
  what: 'Events on Kafka, three partitions, acks=all: orders of 500 bytes, validated on both sides',
  servers: ['postgres', 'kafka'],
  works: worksOf(THROUGH_LOG),
  limit: 'by-hand',
  contestants: [
    {
      name: 'parley',
      label: 'Parley',
      file: 'messages/parley.mjs',
      with: { kind: 'event', technology: 'kafka' },
      settings: `defaults; concurrency 10, \`batch: 100\`; published without a transaction. ${ONCE}`,
    },
    {
      name: 'by-hand',
      label: 'by hand, kafkajs and an inbox',
      file: 'messages/kafkajs.mjs',
      packages: ['kafkajs', 'pg'],
      with: { inbox: true },
      settings: `three partitions at once; an inbox row in the transaction of the effect. ${ONCE}`,
    },
    {
      name: 'kafkajs',
      label: 'kafkajs',
      file: 'messages/kafkajs.mjs',
      packages: ['kafkajs'],
      with: { inbox: false },
      settings: `the same without the inbox. ${AT_LEAST_ONCE}`,
    },
    {
      name: 'nest',
      label: 'Nest',
      file: 'messages/nest.mjs',
      packages: ['@nestjs/microservices', 'kafkajs'],
      with: { technology: 'kafka' },
      without: ['batch'],
      settings: `three partitions at once. ${AT_LEAST_ONCE}`,
    },
    {
      name: 'platformatic-kafka',
      label: '@platformatic/kafka',
      file: 'messages/platformatic-kafka.mjs',
      packages: ['@platformatic/kafka'],
      without: ['batch'],
      settings: `one message after the other, positions committed every 100 ms. ${AT_LEAST_ONCE}`,
    },
  ],
  measure: messagesBench(THROUGH_LOG),
};

/** @type {readonly Mode[]} */
export const MESSAGE_MODES = [commandPostgres, eventPostgres, commandRabbitmq, eventKafka];
