import { Kafka, logLevel } from 'kafkajs';
import { dropTopicsOf } from '../../transports/kafka/src/leftovers.fixture';
import { startsFail } from './faults.fixture';

startsFail({
  kafka: [
    {
      with: 'a wrong password',
      sets: { EVENTS_URL: 'kafka://parley:{wrong}@{kafka-with-users}?sasl=plain' },
      says: 'Kafka at kafka://{kafka-with-users} refuses the user "parley" (plain): wrong name, password or mechanism; correct the URL',
    },
    {
      with: 'an unknown host',
      sets: { EVENTS_URL: 'kafka://me:{wrong}@nowhere.invalid:9092' },
      says: 'Kafka at kafka://nowhere.invalid:9092 cannot be reached (…getaddrinfo …); is it running, and does the URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { EVENTS_URL: 'kafka://{nothing}' },
      says: 'Kafka at kafka://{nothing} cannot be reached (…ECONNREFUSED {nothing}); is it running, and does the URL point to it?',
    },
    {
      with: 'RabbitMQ on its port',
      sets: { EVENTS_URL: 'kafka://{rabbitmq}' },
      says: 'Kafka at kafka://{rabbitmq} was reached but does not answer as Kafka does (…); is it Kafka that listens there, without TLS and without a password?',
    },
    {
      with: 'Redis on its port',
      sets: { EVENTS_URL: 'kafka://{redis}' },
      says: 'Kafka at kafka://{redis} was reached but does not answer as Kafka does (…); is it Kafka that listens there, without TLS and without a password?',
    },
    {
      with: 'an option with a value that it does not have',
      sets: { EVENTS_URL: 'kafka://{nothing}?partitions=few' },
      says: 'EVENTS_URL: the option partitions=few of a Kafka URL is a whole number from 1',
    },
    {
      with: 'a topic that is missing and not to be made',
      sets: { EVENTS_URL: '{KAFKA_URL}', PARLEY_TOPOLOGY: 'verify' },
      says: 'Kafka at kafka://{kafka} has no topic {name}.events; create it, or let PARLEY_TOPOLOGY be create',
    },
    {
      with: 'a topic that has other settings',
      finds: async (name) => {
        const url = process.env['KAFKA_URL']!;
        const admin = new Kafka({
          brokers: [new URL(url).host],
          logLevel: logLevel.NOTHING,
        }).admin();
        await admin.connect();
        await admin.createTopics({
          topics: [{ topic: `${name}.events`, numPartitions: 1 }],
          waitForLeaders: true,
        });
        await admin.disconnect();
        return () => dropTopicsOf(url, [name]);
      },
      sets: { EVENTS_URL: '{KAFKA_URL}?partitions=7' },
      says: 'Kafka at kafka://{kafka} holds {name}.events with partitions 1, not 7; change the topic, or the URL',
    },
    {
      with: 'a topic with more replicas than it has brokers',
      sets: { EVENTS_URL: '{KAFKA_URL}?replication=9' },
      says: "Kafka at kafka://{kafka} does not make the topic {name}.events as its URL wants it (…); correct the URL's options, or give Kafka what they need",
    },
  ],
});
