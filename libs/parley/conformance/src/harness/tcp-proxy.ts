import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { socketHost } from '@parley/messaging/transport';
import type { ProxyControl } from './fixture';

/** Milliseconds that connections have to end by themselves. */
const DRAIN_MS = 1_000;

/**
 * A TCP proxy that can refuse connections, close them, drop responses, and drop everything without
 * a sign.
 */
export class TcpProxy implements ProxyControl {
  /** Connections that came while it was down. */
  refused = 0;
  private readonly pairs = new Set<readonly [near: Socket, far: Socket]>();
  private open = true;
  private deaf = false;
  private silent = false;
  private readonly swallowed = new WeakSet<Socket>();
  private readonly held = new Set<Socket>();
  /** Connections that lead nowhere. */
  private readonly stranded = new Set<Socket>();
  private readonly answers: (((near: Socket) => void) | undefined)[] = [];

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly to: { readonly host: string; readonly port: number },
  ) {
    server.on('connection', (near) => this.join(near));
  }

  /**
   * To where a URL leads.
   * @param at the port that it listens at; default a free one
   */
  static async to(url: string, defaultPort: number, at = 0): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const server = createServer().listen(at, '127.0.0.1');
    await once(server, 'listening');
    const own = (server.address() as { port: number }).port;
    return new TcpProxy(server, own, {
      host: socketHost(hostname),
      port: Number(port || defaultPort),
    });
  }

  /** The same URL, over this road. */
  along(url: string): string {
    const own = new URL(url);
    own.host = `127.0.0.1:${this.port}`;
    return own.href;
  }

  /** Connections over it now. */
  get connections(): number {
    return this.pairs.size;
  }

  cut(): number {
    const dropped = this.pairs.size;
    for (const [near, far] of this.pairs) {
      near.destroy();
      far.destroy();
    }
    this.pairs.clear();
    for (const near of this.stranded) near.destroy();
    return dropped;
  }

  down(): number {
    this.open = false;
    this.deaf = false;
    return this.cut();
  }

  up(): void {
    this.open = true;
    this.silent = false;
  }

  dropResponses(): void {
    this.deaf = true;
  }

  /**
   * Drops all bytes of the connections that are open now, both ways, and keeps them open; new ones
   * are not affected. Returns how many there were.
   */
  swallow(): number {
    for (const sockets of this.pairs) for (const socket of sockets) this.swallowed.add(socket);
    return this.pairs.size;
  }

  /**
   * As `swallow`, and new connections lead nowhere until `up`: they are taken, and nothing answers.
   */
  silence(): number {
    this.silent = true;
    return this.swallow();
  }

  /**
   * Holds all bytes of the connections that are open now, both ways, as a process does that is too
   * busy to read. Returns a function that lets them through.
   */
  hold(): () => void {
    const held = [...this.pairs].flat();
    for (const socket of held) this.held.add(socket.pause());
    return () => {
      for (const socket of held) {
        this.held.delete(socket);
        socket.resume();
      }
    };
  }

  /**
   * Answers the next connections, in order, in place of the broker: as one that is not ready yet.
   * Undefined lets a connection through, as all later ones are.
   */
  answerNext(...answers: readonly (((near: Socket) => void) | undefined)[]): void {
    this.answers.push(...answers);
  }

  /** Answers that no connection has got yet. */
  get unanswered(): number {
    return this.answers.length;
  }

  /** Takes no more connections, and closes when those over it have ended, or a second later. */
  async drain(): Promise<void> {
    if (!this.server.listening) return;
    const ended = once(this.server.close(), 'close');
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref())]);
    this.cut();
    await ended;
  }

  async close(): Promise<void> {
    this.down();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private strand(near: Socket): void {
    this.replaced(near, () => near.resume());
  }

  private replaced(near: Socket, answer: (near: Socket) => void): void {
    this.stranded.add(near);
    near.on('error', () => undefined);
    near.on('close', () => this.stranded.delete(near));
    answer(near);
  }

  private join(near: Socket): void {
    if (!this.open) {
      this.refused++;
      return void near.destroy();
    }
    if (this.silent) return this.strand(near);
    const answer = this.answers.shift();
    if (answer) return this.replaced(near, answer);
    const far = connect(this.to.port, this.to.host);
    const pair = [near, far] as const;
    this.pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        if (this.swallowed.has(socket)) return; // nor does the other side hear of the end
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (!this.swallowed.has(near)) this.pass(near, far, bytes);
    });
    far.on('data', (bytes) => {
      if (!this.deaf && !this.swallowed.has(far)) this.pass(far, near, bytes);
    });
  }

  /** Reads no more from a sender than its receiver takes. */
  private pass(from: Socket, to: Socket, bytes: Buffer): void {
    if (to.write(bytes)) return;
    from.pause();
    to.once('drain', () => {
      if (!this.held.has(from)) from.resume();
    });
  }
}
