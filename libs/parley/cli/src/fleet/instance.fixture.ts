import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Answers = (request: IncomingMessage) => { status?: number; body: unknown } | 'silence';

/** Something that answers as an instance does, or does not. */
export class InstanceOnTrial {
  /** The requests received: `GET /health/ready`. */
  readonly asked: string[] = [];
  url = '';
  private readonly server: Server;

  private constructor(private readonly answers: Answers) {
    this.server = createServer((request, response) => this.receive(request, response));
  }

  static async start(answers: Answers): Promise<InstanceOnTrial> {
    const instance = new InstanceOnTrial(answers);
    await new Promise<void>((listening) => instance.server.listen(0, '127.0.0.1', listening));
    instance.url = `http://127.0.0.1:${(instance.server.address() as AddressInfo).port}`;
    return instance;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(`${request.method} ${request.url}`);
    const answer = this.answers(request);
    if (answer === 'silence') return;
    const { status = 200, body } = answer;
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}
