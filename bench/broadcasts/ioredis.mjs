// The smallest honest code for broadcasts on Redis: PUBLISH and SUBSCRIBE, validated on both sides.
import { peer } from '../measure/peers.mjs';
import { read, written } from '../messages/order.mjs';

/** @import { Contestant } from './process.mjs' */

/** @type {Contestant} */
export default {
  async sender({ redis, name }) {
    const { Redis } = await peer('ioredis');
    const client = new Redis(redis);
    return { say: (message) => client.publish(name, written(message)), end: () => client.quit() };
  },

  async hearer({ redis, name }, heard) {
    const { Redis } = await peer('ioredis');
    const client = new Redis(redis);
    client.on('message', (/** @type {string} */ _channel, /** @type {string} */ text) =>
      heard(read(JSON.parse(text))),
    );
    await client.subscribe(name);
    return () => client.quit();
  },
};
