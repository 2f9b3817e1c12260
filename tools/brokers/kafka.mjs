import { randomBytes } from 'node:crypto';
import { portOf } from '../terminal/command-line.mjs';
import { listens } from './answers.mjs';
import { jars, packages, run } from './downloads.mjs';
import { joinsKafka } from './uses.mjs';

/** @import { Broker } from './brokers.mjs' */

// 4.4.0 cannot be resolved from Maven: one of its artifacts is missing there. slf4j-simple must be
// of Kafka's slf4j, 1.7.
const ARTIFACTS = ['org.apache.kafka:kafka_2.13:4.3.1', 'org.slf4j:slf4j-simple:1.7.36'];

const port = portOf('KAFKA_PORT', 9092, 2);
/** Beside it, for who wants to be asked for a password. */
const guarded = port + 2;
const once = 'replication.factor=1';
const users = 'username="parley" password="parley" user_parley="parley"';

/**
 * One broker that is its own controller, so every internal topic has one copy.
 * @param {string} data
 */
const settings = (data) => [
  'process.roles=broker,controller',
  'node.id=1',
  `controller.quorum.voters=1@127.0.0.1:${port + 1}`,
  `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},GUARDED://127.0.0.1:${guarded}`,
  `advertised.listeners=PLAINTEXT://127.0.0.1:${port},GUARDED://127.0.0.1:${guarded}`,
  'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT',
  'listener.name.guarded.sasl.enabled.mechanisms=PLAIN',
  `listener.name.guarded.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`,
  'controller.listener.names=CONTROLLER',
  `log.dirs=${data}/logs`,
  'num.partitions=3',
  'group.initial.rebalance.delay.ms=0',
  'auto.create.topics.enable=false',
  ...['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'].map(
    (topic) => `${topic}.${once}`,
  ),
  ...['transaction.state.log', 'share.coordinator.state.topic'].map(
    (topic) => `${topic}.min.isr=1`,
  ),
  ...['offsets.topic', 'transaction.state.log'].map((topic) => `${topic}.num.partitions=4`),
];

/** @type {Broker} */
export const kafka = {
  name: 'kafka',
  urls: {
    KAFKA_URL: `kafka://127.0.0.1:${port}`,
    KAFKA_SASL_URL: `kafka://parley:parley@127.0.0.1:${guarded}?sasl=plain`,
  },
  async install(place) {
    await packages('openjdk-17-jre-headless', 'maven');
    await place.fill(ARTIFACTS.join(), (folder) => jars(folder, ...ARTIFACTS));
  },
  async command(place) {
    const file = place.write('server.properties', settings(place.data));
    const classpath = ['-cp', `${place.lib}/*`];
    if (!place.has('logs/meta.properties')) {
      const cluster = randomBytes(16).toString('base64url');
      await run('java', [
        '-Xmx128m',
        ...classpath,
        'kafka.tools.StorageTool',
        'format',
        `--cluster-id=${cluster}`,
        '-c',
        file,
      ]);
    }
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    return { file: 'java', args: ['-Xms128m', '-Xmx512m', log, ...classpath, 'kafka.Kafka', file] };
  },
  ready: () => listens(port),
  works: () => joinsKafka(port),
};
