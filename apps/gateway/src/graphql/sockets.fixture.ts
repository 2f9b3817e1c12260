import { once } from 'node:events';
import { WebSocket } from 'ws';

interface SocketMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A client that sends any message, also one that breaks graphql-transport-ws. */
export class SocketOnTrial {
  readonly received: SocketMessage[] = [];
  readonly over: Promise<readonly [code: number, reason: string]>;
  private wake?: () => void;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.received.push(JSON.parse(String(data)) as SocketMessage);
      this.wake?.();
    });
    socket.on('error', () => undefined);
    this.over = new Promise((resolve) =>
      socket.once('close', (code, reason) => (resolve([code, String(reason)]), this.wake?.())),
    );
  }

  /** An open WebSocket, before `connection_init`. */
  static async open(
    url: string,
    headers: Record<string, string> = {},
    protocol = 'graphql-transport-ws',
  ): Promise<SocketOnTrial> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol, { headers });
    const trial = new SocketOnTrial(socket);
    await once(socket, 'open');
    return trial;
  }

  /** An acknowledged connection. */
  static async connect(url: string, authorization?: string): Promise<SocketOnTrial> {
    const trial = await SocketOnTrial.open(url);
    trial.say({ type: 'connection_init', payload: authorization ? { authorization } : {} });
    await trial.message(({ type }) => type === 'connection_ack');
    return trial;
  }

  say(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id: string, query: unknown, variables?: object): void {
    this.say({ type: 'subscribe', id, payload: { query, variables } });
  }

  /** The first message that fits; undefined when the socket closes before. */
  async message(fits: (message: SocketMessage) => boolean): Promise<SocketMessage | undefined> {
    for (;;) {
      const found = this.received.find(fits);
      if (found || this.socket.readyState === WebSocket.CLOSED) return found;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** The payloads of an operation, when it is complete or has failed. */
  async all(id: string): Promise<readonly unknown[]> {
    await this.message((one) => one.id === id && one.type !== 'next');
    return this.received.filter((one) => one.id === id).map(({ payload }) => payload);
  }
}
