import { portOf } from '../terminal/command-line.mjs';
import { listens } from './answers.mjs';
import { packages } from './downloads.mjs';
import { replies } from './uses.mjs';

/** @import { Broker } from './brokers.mjs' */

const port = portOf('REDIS_PORT', 6379);

/** @type {Broker} */
export const redis = {
  name: 'redis',
  urls: { REDIS_URL: `redis://127.0.0.1:${port}` },
  install: () => packages('redis-server'),
  async command(place) {
    const args = {
      bind: '127.0.0.1',
      port,
      appendonly: 'yes',
      appendfsync: 'everysec',
      save: '',
      dir: place.data,
    };
    return {
      file: 'redis-server',
      args: Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]),
    };
  },
  ready: () => listens(port),
  /** While it reads its file, it answers LOADING. */
  async works() {
    const answer = await replies(port, 'PING\r\n');
    if (!answer.startsWith('+PONG')) throw new Error(answer.trim());
  },
};
