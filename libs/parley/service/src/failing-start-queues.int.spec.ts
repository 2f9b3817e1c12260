import { connect } from 'amqplib';
import { startsFail } from './faults.fixture';

startsFail({
  rabbitmq: [
    {
      with: 'a wrong password',
      sets: { COMMANDS_URL: 'amqp://guest:{wrong}@{rabbitmq}' },
      says: 'RabbitMQ at amqp://{rabbitmq} refuses the user "guest": wrong name or password, or no right to what it asked for; correct its URL',
    },
    {
      with: 'a password that is not percent-encoded',
      sets: { COMMANDS_URL: 'amqp://guest:#?/{wrong}@{rabbitmq}' },
      says: 'COMMANDS_URL: this is not a RabbitMQ URL; write amqp://user:password@host:5672/virtual-host, or amqps:// for TLS',
    },
    {
      with: 'an unknown host',
      sets: { COMMANDS_URL: 'amqp://me:{wrong}@nowhere.invalid' },
      says: 'RabbitMQ at amqp://nowhere.invalid cannot be reached (getaddrinfo …); is it running, and does its URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { COMMANDS_URL: 'amqp://me:{wrong}@{nothing}' },
      says: 'RabbitMQ at amqp://{nothing} cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does its URL point to it?',
    },
    {
      with: 'Redis on its port',
      sets: { COMMANDS_URL: 'amqp://me:{wrong}@{redis}' },
      says: 'RabbitMQ at amqp://{redis} …; …',
    },
    {
      with: 'Kafka on its port',
      sets: { COMMANDS_URL: 'amqp://me:{wrong}@{kafka}' },
      says: 'RabbitMQ at amqp://{kafka} hangs up (…); is it RabbitMQ that listens there, and does it want TLS (amqps://)?',
    },
    {
      with: 'an option that it does not have',
      sets: { COMMANDS_URL: 'amqp://guest:{wrong}@{nothing}?colour=blue' },
      says: 'COMMANDS_URL: a RabbitMQ URL has no option "colour"; it has heartbeat, frameMax, channelMax, locale',
    },
    {
      with: 'a queue that is missing and not to be made',
      sets: { COMMANDS_URL: '{RABBITMQ_URL}', PARLEY_TOPOLOGY: 'verify' },
      says: 'RabbitMQ at amqp://{rabbitmq} has no queue {name}.dead, and the topology is only verified here; make it first, as "npm run parley -- topology" prints it',
    },
    {
      with: 'a queue that has other settings',
      finds: async (name) => {
        const connection = await connect(process.env['RABBITMQ_URL']!);
        const channel = await connection.createChannel();
        await channel.assertQueue(`${name}.dead`, { durable: true });
        return () => channel.deleteQueue(`${name}.dead`).then(() => connection.close());
      },
      sets: { COMMANDS_URL: '{RABBITMQ_URL}' },
      says: 'RabbitMQ at amqp://{rabbitmq} holds {name}.dead with other settings (…); delete it when it is empty, or use another virtual host',
    },
  ],
  activemq: [
    {
      with: 'a wrong password',
      sets: { COMMANDS_URL: 'activemq://admin:{wrong}@{activemq}' },
      says: 'ActiveMQ at activemq://{activemq} refuses the user "admin": wrong name or password; correct the URL',
    },
    {
      with: 'an unknown host',
      sets: { COMMANDS_URL: 'activemq://me:{wrong}@nowhere.invalid' },
      says: 'ActiveMQ at activemq://nowhere.invalid cannot be reached (getaddrinfo …); is it running, and does the URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { COMMANDS_URL: 'activemq://me:{wrong}@{nothing}' },
      says: 'ActiveMQ at activemq://{nothing} cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does the URL point to it?',
    },
    {
      with: 'RabbitMQ on its port',
      sets: { COMMANDS_URL: 'activemq://me:{wrong}@{rabbitmq}' },
      says: [
        'ActiveMQ at activemq://{rabbitmq} is something else: what answers there is not ActiveMQ Artemis; correct the URL',
        'ActiveMQ at activemq://{rabbitmq} hangs up (…); is it ActiveMQ that listens there, and does it want TLS (activemqs://)?',
      ],
    },
    {
      with: 'an option, of which it has none',
      sets: { COMMANDS_URL: 'activemq://me:{wrong}@{nothing}?colour=blue' },
      says: 'COMMANDS_URL: an ActiveMQ URL has no options, but this one has "?colour=blue"; take them away',
    },
    {
      with: 'an address that is missing and not to be made',
      sets: { BROADCASTS_URL: '{ACTIVEMQ_URL}', PARLEY_TOPOLOGY: 'verify' },
      says: 'ActiveMQ at activemq://{activemq} does not have the address parley.{name}.job-seen, and the topology is only verified here; make it first, as "npm run parley -- topology" prints it',
    },
    {
      with: 'address settings that are others and not to be changed',
      sets: { COMMANDS_URL: '{ACTIVEMQ_URL}', PARLEY_TOPOLOGY: 'verify' },
      says: 'ActiveMQ at activemq://{activemq} has deadLetterAddress … for {name}.#, where {name}.dead is needed; correct its address settings',
    },
  ],
});
