import { portOf } from '../terminal/command-line.mjs';
import { says } from './answers.mjs';
import { packages } from './downloads.mjs';
import { opensChannel } from './uses.mjs';

/** @import { Broker } from './brokers.mjs' */

const port = portOf('RABBIT_PORT', 5672, 3);
const management = portOf('RABBIT_MGMT_PORT', port + 10_000, 20);
const url = `amqp://guest:guest@127.0.0.1:${port}`;
const managementUrl = `http://127.0.0.1:${management}`;
const GUEST = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` };

const settings = [
  'management.tcp.ip = 127.0.0.1',
  `management.tcp.port = ${management}`,
  'prometheus.tcp.ip = 127.0.0.1',
  `prometheus.tcp.port = ${management + 20}`,
  'log.console = true',
  'log.file = false',
];

/** @type {Broker} */
export const rabbitmq = {
  name: 'rabbitmq',
  urls: { RABBITMQ_URL: url, RABBITMQ_MGMT: managementUrl },
  install: () => packages('rabbitmq-server'),
  async command(place) {
    place.write('rabbitmq.conf', settings);
    place.write('enabled_plugins', '[rabbitmq_management,rabbitmq_prometheus].');
    const env = {
      HOME: place.data, // its cookie lives there
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `parley${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(port + 3), // between nodes; there is one
      RABBITMQ_MNESIA_BASE: place.file('mnesia'),
      RABBITMQ_LOG_BASE: place.file('log'),
      RABBITMQ_CONFIG_FILE: place.file('rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: place.file('enabled_plugins'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    };
    return { file: '/usr/lib/rabbitmq/bin/rabbitmq-server', args: [], env }; // /usr/sbin's would become another user
  },
  ready: () => says(`${managementUrl}/api/health/checks/local-alarms`, GUEST),
  works: () => opensChannel(url),
};
