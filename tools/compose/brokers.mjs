// The brokers that carry messages when docker/.env says so: one profile each.
import { technology, TECHNOLOGIES } from '../topology/technologies.mjs';
import { BUILD, optional, passwordOf } from './variables.mjs';

/**
 * @typedef {object} Broker
 * @property {(password: string) => string} address as the services reach it
 * @property {boolean} [hasPassword]
 * @property {string} what a comment above its container
 * @property {boolean} [keepsNothing] what it holds goes with its container
 * @property {() => string} container without what all have
 */

/** A name for the only one there is: Kafka wants its data to belong to a cluster. */
const CLUSTER = '5L6g3nShT-eMCtK--X86sw';
const KAFKA_FILE = '/etc/parley/kafka.properties';

/**
 * Healthy when something listens there: asked by bash, for these images have no client.
 * @param {number} port
 */
const listens = (port) => `    healthcheck:
      test: [CMD, bash, -c, '</dev/tcp/127.0.0.1/${port}']
      interval: 5s
      timeout: 3s
      retries: 30`;

/**
 * An address with the options that the technology has on this machine.
 * @param {string} name
 * @param {string} address
 */
const withQueryOf = (name, address) => address + new URL(technology(name).url).search;

/** @type {Record<string, Broker>} */
export const BROKERS = {
  rabbitmq: {
    what: 'carries commands and broadcasts',
    address: (password) => `amqp://parley:${password}@rabbitmq:5672`,
    hasPassword: true,
    container: () => `    image: rabbitmq:4
    hostname: rabbitmq # names its data, too
    environment:
      RABBITMQ_DEFAULT_USER: parley
      RABBITMQ_DEFAULT_PASS: ${passwordOf('rabbitmq')}
    volumes: ['rabbitmq:/var/lib/rabbitmq', './rabbitmq.conf:/etc/rabbitmq/conf.d/20-parley.conf:ro']
    stop_grace_period: 60s
    healthcheck:
      test: [CMD, rabbitmq-diagnostics, -q, check_port_connectivity]
      interval: 10s
      timeout: 15s
      retries: 12`,
  },
  kafka: {
    what: 'carries events, commands and broadcasts; asks nobody for a password, and only the network of the services reaches it',
    address: () => 'kafka://kafka:9092',
    container: () => `    image: apache/kafka:4.3.1
    command: [sh, -c, 'cd /opt/kafka && bin/kafka-storage.sh format --ignore-formatted --cluster-id ${CLUSTER} --config ${KAFKA_FILE} && exec bin/kafka-server-start.sh ${KAFKA_FILE}']
    environment: { KAFKA_HEAP_OPTS: -Xms256m -Xmx512m, LOG_DIR: /tmp }
    volumes: ['kafka:/var/lib/kafka/data', './kafka.properties:${KAFKA_FILE}:ro']
    stop_grace_period: 60s
${listens(9092)}`,
  },
  redis: {
    what: 'carries broadcasts',
    address: (password) => `redis://:${password}@redis:6379`,
    hasPassword: true,
    container: () => `    image: redis:8
    command: [redis-server, /usr/local/etc/redis/redis.conf, --requirepass, '${passwordOf('redis')}']
    environment:
      REDISCLI_AUTH: ${passwordOf('redis')}
    volumes: ['redis:/data', './redis.conf:/usr/local/etc/redis/redis.conf:ro']
    stop_grace_period: 20s
    healthcheck:
      test: [CMD-SHELL, 'redis-cli ping | grep -q PONG']
      interval: 2s
      timeout: 3s
      retries: 30`,
  },
  activemq: {
    what: 'carries commands and broadcasts',
    address: (password) => `activemq://parley:${password}@activemq:61616`,
    hasPassword: true,
    container: () => `    image: apache/artemis:2.56.0
    environment:
      ARTEMIS_USER: parley
      ARTEMIS_PASSWORD: ${passwordOf('activemq')}
      EXTRA_ARGS: --no-web --no-amqp-acceptor --no-hornetq-acceptor --no-mqtt-acceptor --no-stomp-acceptor --no-autotune --nio
      JAVA_ARGS_APPEND: -Xms64m -Xmx512m
    volumes: ['activemq:/var/lib/artemis-instance']
    stop_grace_period: 60s
${listens(61616)}`,
  },
  sqs: {
    what: 'ElasticMQ stands for SQS: carries commands, and loses them with its container',
    address: () => 'sqs://parley:parley@sqs:9324?insecure=true',
    keepsNothing: true,
    container: () => `    image: softwaremill/elasticmq:1.7.1
    volumes: ['./stand-ins/elasticmq.conf:/opt/elasticmq.conf:ro']
    stop_grace_period: 20s
${listens(9324)}`,
  },
  kinesis: {
    what: 'Kinesalite stands for Kinesis: carries events and commands',
    address: () => 'kinesis://parley:parley@kinesis:4567?insecure=true',
    container: () => `    image: parley-kinesalite:${BUILD}
    pull_policy: build
    build: { context: stand-ins, dockerfile: kinesalite.Dockerfile }
    volumes: ['kinesis:/data']
    stop_grace_period: 20s
    healthcheck:
      test: [CMD, node, -e, "require('node:net').connect(4567, '127.0.0.1').on('connect', () => process.exit()).on('error', () => process.exit(1))"]
      interval: 5s
      timeout: 3s
      retries: 30`,
  },
  mqtt: {
    what: 'carries the broadcasts that devices hear; asks nobody for a password, and only this machine reaches it',
    address: () => withQueryOf('mqtt', 'mqtt://mqtt:1883'),
    container: () => `    image: eclipse-mosquitto:2
    volumes: ['mqtt:/mosquitto/data', './mosquitto.conf:/mosquitto/config/mosquitto.conf:ro']
    ports: ['127.0.0.1:${optional('PARLEY_MQTT_PORT', 1883)}:1883']
    stop_grace_period: 20s
    healthcheck:
      test: [CMD-SHELL, "mosquitto_sub -t '$$SYS/broker/uptime' -C 1 -W 2"]
      interval: 5s
      timeout: 3s
      retries: 30`,
  },
};

const unknown = Object.keys(TECHNOLOGIES).filter((name) => !(name in BROKERS));
if (unknown.length > 0) throw new Error(`tools/compose/brokers.mjs lacks ${unknown.join(', ')}`);

export const brokerNames = () => Object.keys(BROKERS);

/** The volumes of those that keep something. */
export const brokerVolumes = () => brokerNames().filter((name) => !BROKERS[name]?.keepsNothing);

export const brokers = () =>
  Object.entries(BROKERS).map(
    ([name, { what, container }]) => `  # ${what}
  ${name}:
    profiles: [${name}]
${container()}
    restart: unless-stopped
    logging: *logging`,
  );
