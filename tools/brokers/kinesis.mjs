import { portOf } from '../terminal/command-line.mjs';
import { listens } from './answers.mjs';
import { npmPackage } from './downloads.mjs';

/** @import { Broker } from './brokers.mjs' */

const VERSION = 'kinesalite@3.3.3';
const port = portOf('KINESIS_PORT', 4567);

// Its own command would listen on every interface.
/** @param {string} data */
const server = (data) =>
  `require('kinesalite')(${JSON.stringify({ path: `${data}/db`, createStreamMs: 10, deleteStreamMs: 10, updateStreamMs: 10, shardLimit: 100 })}).listen(${port}, '127.0.0.1')`;

/**
 * Kinesalite stands for Kinesis: it speaks its protocol, over HTTP/1.1 only.
 * @type {Broker}
 */
export const kinesis = {
  name: 'kinesis',
  urls: { KINESIS_URL: `kinesis://parley:parley@127.0.0.1:${port}?insecure=true` },
  install: (place) => place.fill(VERSION, (folder) => npmPackage(folder, VERSION)),
  command: async (place) => ({
    file: process.execPath,
    args: ['-e', server(place.data)],
    cwd: place.lib,
  }),
  ready: () => listens(port),
};
