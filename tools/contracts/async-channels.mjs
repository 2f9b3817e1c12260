// The places that the messages of an owner pass, at every technology that carries them, as channels
// of AsyncAPI. Names of queues, topics and exchanges are asked of the technologies themselves.
import { createRequire } from 'node:module';
import path from 'node:path';

/** @import { AsyncApiChannel, ContractSchema } from '../../libs/parley/contract/src/index.js' */
/** @typedef {{ owner: string, commands: ContractSchema[], events: ContractSchema[], broadcasts: ContractSchema[], retries: Record<string, any> }} Own */
/** @typedef {{ server: Record<string, any>, channels: (own: Own) => AsyncApiChannel[] }} Carrier */

const root = path.resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);
/** @param {string} technology @param {string} [file] */
const of = (technology, file = 'topology') =>
  require(path.join(root, `dist/libs/parley/transports/${technology}/src/${file}.js`));

/**
 * @param {string} protocol
 * @param {string} host
 * @param {string} description
 * @param {Record<string, any>} [more]
 */
const server = (protocol, host, description, more = {}) => ({
  host: '{host}',
  protocol,
  ...more,
  description,
  variables: { host: { default: host, description: 'of the deployment' } },
});

/** @param {readonly ContractSchema[]} contracts */
const names = (contracts) => contracts.map(({ name }) => name);
/** @param {ContractSchema} contract */
const short = ({ name }) => name.slice(name.indexOf('.') + 1);
/** @param {ContractSchema} contract */
const isKeyed = ({ key }) => key !== undefined;

/**
 * A channel with some of the contracts, or none where there are none.
 * @param {readonly ContractSchema[]} contracts
 * @param {Omit<AsyncApiChannel, 'contracts'>} channel
 * @returns {AsyncApiChannel[]}
 */
const channel = (contracts, channel) =>
  contracts.length > 0 ? [{ ...channel, contracts: names(contracts) }] : [];

/**
 * Channels and retries of commands that fail.
 * @param {Own} own
 * @param {string} [broker] where the broker puts what it gives up on itself
 */
const failing = ({ owner, retries }, broker) => ({
  'x-retries': retries,
  'x-dead-letters': {
    store: `in the database of ${owner}: GET /operations/dead-letters`,
    ...(broker !== undefined && { broker }),
  },
});

const STRUCTURED =
  'A message is one CloudEvents document in structured JSON mode (`application/cloudevents+json`): attributes, and `data`.';

/** @type {Record<string, () => Carrier>} */
const carriers = {
  postgres: () => {
    const { channelOf, broadcastChannelOf } = postgresNames();
    return {
      server: server('postgres', 'localhost:5432', 'PostgreSQL; messages are in the schema parley'),
      channels: (own) => [
        ...channel(own.commands, {
          id: 'postgres.commands',
          address: own.owner,
          description: `Queue ${own.owner} in \`parley.message\`. NOTIFY ${channelOf(own.owner)} wakes its readers.`,
          operation: failing(own),
        }),
        ...channel(own.events, {
          id: 'postgres.events',
          address: 'parley.event',
          description: 'A log of 16 partitions by key, kept for every subscription.',
        }),
        ...channel(own.broadcasts, {
          id: 'postgres.broadcasts',
          address: broadcastChannelOf(own.owner),
          description: 'A channel of NOTIFY.',
        }),
      ],
    };
  },
  rabbitmq: () => {
    const { laneQueues, deadQueue, delayQueues } = of('rabbitmq');
    const { exchangeOf } = of('rabbitmq', 'broadcast-exchange');
    const binary =
      'A message is a CloudEvent in AMQP’s binary mode: attributes are headers `cloudEvents:<name>`, the body is the data.';
    /** @param {string} name */
    const queue = (name) => ({
      amqp: {
        is: 'queue',
        queue: { name, durable: true, exclusive: false, autoDelete: false, vhost: '/' },
        bindingVersion: '0.3.0',
      },
    });
    return {
      server: server('amqp', 'localhost:5672', 'RabbitMQ', { protocolVersion: '0.9.1' }),
      channels: (own) => {
        const { owner } = own;
        const delays = delayQueues(owner);
        const operation = {
          bindings: { amqp: { ack: true, bindingVersion: '0.3.0' } },
          ...failing(own, deadQueue(owner)),
          'x-delays': { first: delays[0], last: delays.at(-1) },
        };
        return [
          ...channel(
            own.commands.filter((contract) => !isKeyed(contract)),
            {
              id: 'rabbitmq.commands',
              address: owner,
              description: `A quorum queue for commands without a key. ${binary}`,
              bindings: queue(owner),
              operation,
            },
          ),
          ...channel(own.commands.filter(isKeyed), {
            id: 'rabbitmq.keyed-commands',
            address: laneQueues(owner)[0].replace(/\d+$/, '{lane}'),
            description: `Quorum queues with a single active consumer each. ${binary}`,
            parameters: {
              lane: {
                description: 'CRC-32 of the UTF-8 bytes of the key, modulo the number of lanes',
                enum: laneQueues(owner).map((/** @type {string} */ name) => /\d+$/.exec(name)?.[0]),
              },
            },
            bindings: queue(laneQueues(owner)[0].replace(/\d+$/, '{lane}')),
            operation,
          }),
          ...channel(own.commands, {
            id: 'rabbitmq.dead-letters',
            address: deadQueue(owner),
            description: `Commands that RabbitMQ itself gave up on; ${owner} moves them to its own dead letters.`,
            bindings: queue(deadQueue(owner)),
          }),
          ...own.broadcasts.flatMap((contract) =>
            channel([contract], {
              id: `rabbitmq.${short(contract)}`,
              address: exchangeOf(contract.name),
              description: `A fanout exchange; every listener binds a queue of its own. ${binary}`,
              bindings: {
                amqp: {
                  is: 'routingKey',
                  exchange: {
                    name: exchangeOf(contract.name),
                    type: 'fanout',
                    durable: true,
                    autoDelete: false,
                    vhost: '/',
                  },
                  bindingVersion: '0.3.0',
                },
              },
            }),
          ),
        ];
      },
    };
  },
  activemq: () => {
    const { laneQueues, deadQueue, addressOf } = of('activemq');
    const binary =
      'A message is a CloudEvent in AMQP’s binary mode: attributes are application properties `cloudEvents_<name>`, the body is one data section.';
    return {
      server: server('amqp1', 'localhost:61616', 'ActiveMQ Artemis, in AMQP 1.0', {
        protocolVersion: '1.0',
      }),
      channels: (own) => {
        const { owner } = own;
        const operation = failing(own, deadQueue(owner));
        return [
          ...channel(
            own.commands.filter((contract) => !isKeyed(contract)),
            {
              id: 'activemq.commands',
              address: owner,
              description: `A queue for commands without a key. ${binary}`,
              operation,
            },
          ),
          ...channel(own.commands.filter(isKeyed), {
            id: 'activemq.keyed-commands',
            address: laneQueues(owner)[0].replace(/\d+$/, '{lane}'),
            description: `Exclusive queues: one consumer at a time each. ${binary}`,
            parameters: {
              lane: {
                description: 'CRC-32 of the UTF-8 bytes of the key, modulo the number of lanes',
                enum: laneQueues(owner).map((/** @type {string} */ name) => /\d+$/.exec(name)?.[0]),
              },
            },
            operation,
          }),
          ...channel(own.commands, {
            id: 'activemq.dead-letters',
            address: deadQueue(owner),
            description: `Commands that ActiveMQ itself gave up on; ${owner} moves them to its own dead letters.`,
          }),
          ...own.broadcasts.flatMap((contract) =>
            channel([contract], {
              id: `activemq.${short(contract)}`,
              address: addressOf(contract.name),
              description: `A multicast address. ${binary}`,
            }),
          ),
        ];
      },
    };
  },
  kafka: () => {
    const { topicOf } = of('kafka');
    const binary =
      'A message is a CloudEvent in Kafka’s binary mode: headers `ce_<name>` and `content-type`, the value is the data. The key of the record is the key of the message.';
    return {
      server: server('kafka', 'localhost:9092', 'Kafka'),
      channels: (own) =>
        /** @type {const} */ (['command', 'event', 'broadcast']).flatMap((kind) => {
          const topic = topicOf(kind, own.owner);
          const group = { type: 'string', const: own.owner };
          return channel(own[`${kind}s`], {
            id: `kafka.${kind}s`,
            address: topic,
            description: `One topic for all ${kind}s of ${own.owner}. ${binary}`,
            bindings: { kafka: { topic, bindingVersion: '0.5.0' } },
            operation:
              kind === 'command'
                ? {
                    bindings: { kafka: { groupId: group, bindingVersion: '0.5.0' } },
                    ...failing(own),
                  }
                : {},
          });
        }),
    };
  },
  kinesis: () => {
    const { streamName } = of('kinesis');
    return {
      server: server('kinesis', 'kinesis.eu-west-1.amazonaws.com', 'Amazon Kinesis Data Streams'),
      channels: (own) =>
        /** @type {const} */ (['command', 'event']).flatMap((kind) =>
          channel(own[`${kind}s`], {
            id: `kinesis.${kind}s`,
            address: streamName({ prefix: '' }, own.owner, kind),
            description: `One stream for all ${kind}s of ${own.owner}; the partition key is the key, or the id. ${STRUCTURED}`,
            operation: kind === 'command' ? failing(own) : {},
          }),
        ),
    };
  },
  sqs: () => {
    const { queueNames } = of('sqs');
    /**
     * @param {string} name
     * @param {string} dead
     */
    const queue = (name, dead) => {
      /** @param {string} one */
      const isFifo = (one) => one.endsWith('.fifo');
      return {
        sqs: {
          queue: { name, fifoQueue: isFifo(name) },
          deadLetterQueue: { name: dead, fifoQueue: isFifo(dead) },
          bindingVersion: '0.2.0',
        },
      };
    };
    return {
      server: server('sqs', 'sqs.eu-west-1.amazonaws.com', 'Amazon SQS'),
      channels: (own) => {
        const { commands, lanes, dead, deadLanes } = queueNames('', own.owner);
        return [
          ...channel(
            own.commands.filter((contract) => !isKeyed(contract)),
            {
              id: 'sqs.commands',
              address: commands,
              description: `For commands without a key. ${STRUCTURED}`,
              bindings: queue(commands, dead),
              operation: failing(own, dead),
            },
          ),
          ...channel(own.commands.filter(isKeyed), {
            id: 'sqs.keyed-commands',
            address: lanes,
            description: `A message group for each key; commands with a delay go to ${commands}. ${STRUCTURED}`,
            bindings: queue(lanes, deadLanes),
            operation: failing(own, deadLanes),
          }),
        ];
      },
    };
  },
  redis: () => {
    const { channelOf } = of('redis', 'publisher');
    return {
      server: server('redis', 'localhost:6379', 'Redis publish/subscribe'),
      channels: ({ broadcasts }) =>
        broadcasts.flatMap((contract) =>
          channel([contract], {
            id: `redis.${short(contract)}`,
            address: channelOf(contract.name),
            description: STRUCTURED,
          }),
        ),
    };
  },
  mqtt: () => {
    const { topicOf } = of('mqtt', 'topic');
    return {
      server: server('mqtt', 'localhost:1883', 'MQTT 5; devices may speak 3.1.1', {
        protocolVersion: '5',
      }),
      channels: ({ broadcasts }) =>
        broadcasts.flatMap((contract) =>
          channel([contract], {
            id: `mqtt.${short(contract)}`,
            address: topicOf(contract.name),
            description:
              'A message is a CloudEvent in MQTT’s binary mode: attributes are user properties, the payload is the data. With `?by=<field>` in the URL the value of that field is one level more.',
            operation: { bindings: { mqtt: { qos: 1, bindingVersion: '0.2.0' } } },
          }),
        ),
    };
  },
};

/** Technologies that have channels here. */
export const CARRIERS = Object.keys(carriers);

function postgresNames() {
  const { describeQueue, describeChannel } = of('postgres');
  /** @param {{ what: string, name: string }[]} hops */
  const channelIn = (hops) => hops.find(({ what }) => what === 'channel')?.name ?? '';
  return {
    /** @param {string} owner */
    channelOf: (owner) => channelIn(describeQueue({ owner })),
    /** @param {string} owner */
    broadcastChannelOf: (owner) => channelIn(describeChannel({ owner })),
  };
}

/** The retry policy of commands whose handler has none of its own. */
function usualRetries() {
  const { retryPolicy } = require(
    path.join(root, 'dist/libs/parley/messaging/src/delivery/retry-policy.js'),
  );
  const { immediate, delays } = retryPolicy({});
  return {
    immediate,
    delays,
    description:
      'Tries at once after each delivery, and milliseconds until each further delivery. A handler may have others: GET /operations/explain/<contract>.',
  };
}

/**
 * Servers and channels of an owner. The tree must be built.
 * @param {string} owner
 * @param {readonly ContractSchema[]} contracts
 */
export function asyncChannels(owner, contracts) {
  /** @param {string} kind */
  const of = (kind) => contracts.filter((contract) => contract.kind === kind);
  const own = {
    owner,
    commands: of('command'),
    events: of('event'),
    broadcasts: of('broadcast'),
    retries: usualRetries(),
  };
  const all = Object.entries(carriers).map(([name, carrier]) => {
    const { server, channels } = carrier();
    return { name, server, channels: channels(own) };
  });
  const used = all.filter(({ channels }) => channels.length > 0);
  return {
    servers: Object.fromEntries(used.map(({ name, server }) => [name, server])),
    channels: used.flatMap(({ name, channels }) =>
      channels.map((one) => ({ ...one, server: name })),
    ),
  };
}
