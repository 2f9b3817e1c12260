// A network between one process and PostgreSQL that can fall silent: the bytes of open connections
// are swallowed, both ways, and neither side is told. New connections work.
import net from 'node:net';
import { once } from 'node:events';

/** @typedef {{ client: net.Socket, server: net.Socket, silent: boolean }} Pair */

export class SilentProxy {
  /** @type {Set<Pair>} */
  #pairs = new Set();
  /** @type {net.Server} */
  #server;
  /** Bytes that did not arrive. */
  swallowed = 0;

  /** @param {number} port of PostgreSQL */
  constructor(port) {
    this.#server = net.createServer((client) => this.#join(client, port));
  }

  /** @param {number} port of PostgreSQL */
  static async before(port) {
    const proxy = new SilentProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return address.port;
  }

  /** How many connections fell silent. */
  hush() {
    const loud = [...this.#pairs].filter((pair) => !pair.silent);
    for (const pair of loud) pair.silent = true;
    return loud.length;
  }

  /** Connections that fell silent are reset, as when a network is back that has forgotten them. */
  restore() {
    for (const pair of this.#pairs) if (pair.silent) this.#end(pair);
  }

  close() {
    this.#server.close();
    for (const pair of this.#pairs) this.#end(pair);
  }

  /**
   * @param {net.Socket} client
   * @param {number} port
   */
  #join(client, port) {
    const server = net.connect(port, '127.0.0.1');
    const pair = { client, server, silent: false };
    this.#pairs.add(pair);
    this.#carry(pair, client, server);
    this.#carry(pair, server, client);
  }

  /**
   * @param {Pair} pair
   * @param {net.Socket} from
   * @param {net.Socket} to
   */
  #carry(pair, from, to) {
    from.on('data', (data) => {
      if (pair.silent) this.swallowed += data.length;
      else if (!to.write(data)) from.pause();
    });
    to.on('drain', () => from.resume());
    for (const event of ['end', 'error', 'close'])
      from.on(event, () => pair.silent || this.#end(pair)); // it carries no end either
  }

  /** @param {Pair} pair */
  #end(pair) {
    this.#pairs.delete(pair);
    for (const socket of [pair.client, pair.server]) socket.destroy();
  }
}
