import { startsFail } from './faults.fixture';

startsFail({
  redis: [
    {
      with: 'a wrong user',
      sets: { BROADCASTS_URL: 'redis://me:{wrong}@{redis}' },
      says: 'Redis at redis://{redis} refuses the user: wrong name or password; correct BROADCASTS_URL',
    },
    {
      with: 'a password that it does not ask for',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@{redis}' },
      says: 'Redis at redis://{redis} asks nobody for a password, but its URL has one; let Redis ask for it (requirepass), or take it out of BROADCASTS_URL',
    },
    {
      with: 'an unknown host',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@nowhere.invalid' },
      says: 'Redis at redis://nowhere.invalid cannot be reached (getaddrinfo …); is it running, and does BROADCASTS_URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@{nothing}' },
      says: 'Redis at redis://{nothing} cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does BROADCASTS_URL point to it?',
    },
    {
      with: 'RabbitMQ on its port',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@{rabbitmq}' },
      says: [
        'Redis at redis://{rabbitmq} is something else: what answers there does not speak as Redis does; correct BROADCASTS_URL',
        'Redis at redis://{rabbitmq} hangs up (…); is it Redis that listens there, and does it want TLS (rediss://)?',
      ],
    },
    {
      with: 'Kafka on its port',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@{kafka}' },
      says: 'Redis at redis://{kafka} hangs up (…); is it Redis that listens there, and does it want TLS (rediss://)?',
    },
    {
      with: 'somebody on its port who says nothing',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@{silence}' },
      says: 'Redis at redis://{silence} cannot be reached (no answer within 10 s); is it running, and does BROADCASTS_URL point to it?',
    },
    {
      with: 'an option, of which it has none',
      sets: { BROADCASTS_URL: 'redis://:{wrong}@{nothing}?colour=blue' },
      says: 'BROADCASTS_URL: a Redis URL has no options, but this one has "?colour=blue"; take them away',
    },
    {
      with: 'commands, which it does not carry',
      sets: { COMMANDS_URL: 'redis://:{wrong}@{nothing}' },
      says: 'COMMANDS_URL: redis cannot carry commands; use … or another technology that can',
    },
  ],
  mqtt: [
    {
      with: 'a wrong password',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@{mqtt-refusing}' },
      says: 'the MQTT broker at mqtt://{mqtt-refusing} refuses the user "me": wrong name or password; correct the URL',
    },
    {
      with: 'an unknown host',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@nowhere.invalid' },
      says: 'the MQTT broker at mqtt://nowhere.invalid cannot be reached (getaddrinfo …); is it running, and does the URL point to it?',
    },
    {
      with: 'nothing on its port',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@{nothing}' },
      says: 'the MQTT broker at mqtt://{nothing} cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does the URL point to it?',
    },
    {
      with: 'Redis on its port',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@{redis}' },
      says: 'the MQTT broker at mqtt://{redis} …; …',
    },
    {
      with: 'RabbitMQ on its port',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@{rabbitmq}' },
      says: [
        'the MQTT broker at mqtt://{rabbitmq} is something else: what answers there does not speak MQTT; correct the URL',
        'the MQTT broker at mqtt://{rabbitmq} hangs up (…); is it an MQTT broker that listens there, and does it want TLS (mqtts://)?',
      ],
    },
    {
      with: 'an option with a value that it does not have',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@{nothing}?retain=perhaps' },
      says: 'BROADCASTS_URL: the option retain of an MQTT URL is true or false, not "perhaps"',
    },
    {
      with: 'a broker that has not the QoS broadcasts need',
      sets: { BROADCASTS_URL: 'mqtt://me:{wrong}@{mqtt-of-little-qos}' },
      says: 'the MQTT broker at mqtt://{mqtt-of-little-qos} does not offer QoS 1, which broadcasts need; use another broker',
    },
  ],
});
