import { portOf } from '../terminal/command-line.mjs';
import { listens } from './answers.mjs';
import { packages } from './downloads.mjs';
import { connectsMqtt } from './uses.mjs';

/** @import { Broker } from './brokers.mjs' */

const port = portOf('MQTT_PORT', 1883);
const url = `mqtt://127.0.0.1:${port}`;

/**
 * Mosquitto.
 * @type {Broker}
 */
export const mqtt = {
  name: 'mqtt',
  urls: { MQTT_URL: url },
  install: () => packages('mosquitto'),
  async command(place) {
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${place.data}/`,
    ];
    return {
      file: '/usr/sbin/mosquitto',
      args: [
        '-c',
        place.write('mosquitto.conf', process.getuid?.() === 0 ? [...lines, 'user root'] : lines),
      ],
    };
  },
  ready: () => listens(port),
  works: () => connectsMqtt(url),
};
