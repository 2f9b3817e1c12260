// A call by Moleculer over its TCP transporter, without discovery by UDP; both sides validate by
// hand. The transporter would listen on every interface: here it gets loopback only.
import net from 'node:net';
import { peer } from '../measure/peers.mjs';
import { answerValidated, DEADLINE_MS, Reply, Request } from './quote.mjs';

/** @import { Contestant, Place } from './process.mjs' */

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = /** @type {any} */ (
  /** @this {net.Server} @param {net.ListenOptions} options @param {() => void} done */
  function (options, done) {
    return listen.call(this, { ...options, host: '127.0.0.1' }, done);
  }
);

/** @param {Place} place @param {string} nodeID */
async function brokerOf({ port }, nodeID) {
  const { ServiceBroker } = (await peer('moleculer')).default;
  return new ServiceBroker({
    nodeID,
    logger: false,
    requestTimeout: DEADLINE_MS,
    transporter: {
      type: 'TCP',
      options: {
        udpDiscovery: false,
        port: nodeID === 'catalog' ? port : null,
        urls: [`127.0.0.1:${port}/catalog`],
        useHostname: false,
      },
    },
  });
}

/** @type {Contestant} */
export default {
  async serve(place) {
    const broker = await brokerOf(place, 'catalog');
    broker.createService({
      name: 'catalog',
      actions: {
        quotePrice: (/** @type {{ params: unknown }} */ { params }) => answerValidated(params),
      },
    });
    await broker.start();
  },

  async caller(place) {
    const broker = await brokerOf(place, 'orders');
    await broker.start();
    await broker.waitForServices('catalog', DEADLINE_MS);
    return async (request) =>
      Reply.parse(await broker.call('catalog.quotePrice', Request.parse(request)));
  },
};
