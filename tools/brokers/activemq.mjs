import fs from 'node:fs';
import path from 'node:path';
import { portOf } from '../terminal/command-line.mjs';
import { listens } from './answers.mjs';
import { opensConnection } from './uses.mjs';
import { distribution, packages, run } from './downloads.mjs';

/** @import { Broker } from './brokers.mjs' */

const ARTIFACT = 'org.apache.artemis:apache-artemis:2.56.0:tar.gz:bin';
const port = portOf('ACTIVEMQ_PORT', 61616);

const INSTANCE = [
  '--user',
  'admin',
  '--password',
  'admin',
  '--require-login',
  '--host',
  '127.0.0.1',
  '--default-port',
  String(port),
];
// One acceptor speaks every protocol; its web console is not needed.
const LEAN = [
  '--no-amqp-acceptor',
  '--no-hornetq-acceptor',
  '--no-mqtt-acceptor',
  '--no-stomp-acceptor',
  '--no-autotune',
  '--no-web',
  '--nio',
  '--silent',
];
const ACCEPTOR = /(<acceptor name="artemis">tcp:\/\/127\.0\.0\.1:)\d+/;

/**
 * @param {string} file
 * @param {RegExp} from
 * @param {string} to
 */
function edit(file, from, to) {
  const text = fs.readFileSync(file, 'utf8');
  if (!from.test(text)) throw new Error(`${file} has changed: there is no ${from} in it`);
  fs.writeFileSync(file, text.replace(from, to));
}

/** @type {Broker} */
export const activemq = {
  name: 'activemq',
  urls: { ACTIVEMQ_URL: `activemq://admin:admin@127.0.0.1:${port}` },
  async install(place) {
    await packages('openjdk-17-jre-headless', 'maven');
    await place.fill(ARTIFACT, (folder) => distribution(folder, ARTIFACT));
  },
  async command(place) {
    const artemis = place.file('bin/artemis');
    if (!fs.existsSync(artemis)) {
      await run(path.join(place.lib, 'bin/artemis'), ['create', place.data, ...INSTANCE, ...LEAN]);
      edit(place.file('etc/artemis.profile'), /-Xms512M -Xmx2G/, '-Xms64M -Xmx512M');
    }
    // The port is part of the data directory, and ACTIVEMQ_PORT may differ from the last start.
    edit(place.file('etc/broker.xml'), ACCEPTOR, `$1${port}`);
    return { file: artemis, args: ['run'] };
  },
  ready: () => listens(port),
  works: () => opensConnection({ port, username: 'admin', password: 'admin' }),
};
