import { portOf } from '../terminal/command-line.mjs';
import { says } from './answers.mjs';
import { jars, packages } from './downloads.mjs';

/** @import { Broker } from './brokers.mjs' */

const ARTIFACT = 'org.elasticmq:elasticmq-server_2.13:1.7.1';
const port = portOf('SQS_PORT', 9324);

/** @param {string} data */
const settings = (data) => [
  'include classpath("application.conf")',
  `node-address { protocol = http, host = 127.0.0.1, port = ${port}, context-path = "" }`,
  `rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = ${port}, sqs-limits = strict }`,
  'rest-stats { enabled = false }',
  // H2 would write half a second after the commit: SQS confirms what is stored.
  `messages-storage { enabled = true, uri = "jdbc:h2:${data}/messages;WRITE_DELAY=0" }`,
  `queues-storage { enabled = true, path = "${data}/queues.conf" }`,
];

/**
 * ElasticMQ stands for SQS: it speaks its protocol and keeps messages on disk.
 * @type {Broker}
 */
export const sqs = {
  name: 'sqs',
  urls: { SQS_URL: `sqs://parley:parley@127.0.0.1:${port}?insecure=true` },
  async install(place) {
    await packages('openjdk-17-jre-headless', 'maven');
    await place.fill(ARTIFACT, (folder) => jars(folder, ARTIFACT));
  },
  async command(place) {
    const file = place.write('elasticmq.conf', settings(place.data));
    return {
      file: 'java',
      args: [
        '-Xmx192m',
        `-Dconfig.file=${file}`,
        '-cp',
        `${place.lib}/*`,
        'org.elasticmq.server.Main',
      ],
    };
  },
  ready: () => says(`http://127.0.0.1:${port}/health`),
};
