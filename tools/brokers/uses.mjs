// Uses a broker once, as a service does: what listens need not work yet. Each rejects until it
// does, and leaves nothing behind.
import net from 'node:net';

const QUICKLY_MS = 10_000;

/**
 * The answer to a few bytes.
 * @param {number} port
 * @param {string} bytes
 * @returns {Promise<string>}
 */
export function replies(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', timeout: QUICKLY_MS });
    socket.once('error', reject).once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => socket.write(bytes));
    socket.once('data', (data) => (socket.destroy(), resolve(String(data))));
    socket.once('close', () => reject(new Error('it hung up')));
  });
}

/**
 * Joins a group and stores a position: the first time, Kafka makes the topic of its positions and
 * chooses their coordinator.
 * @param {number} port
 */
export async function joinsKafka(port) {
  const { Kafka, logLevel } = (await import('kafkajs')).default;
  const topic = 'parley.ready';
  const kafka = new Kafka({
    clientId: 'brokers',
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 1, initialRetryTime: 100 },
  });
  const admin = kafka.admin();
  const consumer = kafka.consumer({
    groupId: topic,
    retry: { retries: 1, initialRetryTime: 100, restartOnFailure: async () => false },
  });
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.GROUP_JOIN, resolve);
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.run({ autoCommit: false, eachMessage: async () => undefined }).catch(reject);
    });
    await consumer.commitOffsets([{ topic, partition: 0, offset: '0' }]);
  } finally {
    await consumer.disconnect().catch(() => undefined);
    await admin.deleteGroups([topic]).catch(() => undefined);
    await admin.deleteTopics({ topics: [topic] }).catch(() => undefined);
    await admin.disconnect().catch(() => undefined);
  }
}

/** @param {string} url */
export async function opensChannel(url) {
  const { connect } = await import('amqplib');
  const connection = await connect(url, { timeout: QUICKLY_MS });
  try {
    await (await connection.createChannel()).close();
  } finally {
    await connection.close();
  }
}

/**
 * By AMQP 1.0.
 * @param {{ port: number, username: string, password: string }} broker
 */
export async function opensConnection({ port, username, password }) {
  const { default: rhea } = await import('rhea');
  /** @type {Promise<void>} */
  const opened = new Promise((resolve, reject) => {
    const connection = rhea
      .create_container()
      .connect({ host: '127.0.0.1', port, username, password, reconnect: false });
    connection.once('connection_open', () => (connection.close(), resolve()));
    for (const failure of ['connection_error', 'disconnected'])
      connection.once(failure, ({ error }) => reject(error ?? new Error('it hung up')));
  });
  await opened;
}

/** @param {string} url */
export async function connectsMqtt(url) {
  const { default: mqtt } = await import('mqtt');
  const client = await mqtt.connectAsync(
    url,
    { connectTimeout: QUICKLY_MS, reconnectPeriod: 0 },
    false,
  );
  await client.endAsync();
}
