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
      settings:
        '`concurrency: 10`; a named queue for each key; for the row of batches `localQueue: { size: 500 }` and `completeJobBatchDelay: 0`, as its page on performance advises, but single handlings: it has no handler of batches. At least once.',
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

/** @type {readonly Mode[]} */
export const MESSAGE_MODES = [commandPostgres];
