import { once } from 'node:events';
import { createServer as createWeb, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';

/** Listeners in the place of a technology: other programs, and ones that refuse as it would. */
export class StandIns {
  private readonly sockets = new Set<Socket>();
  private readonly servers: Server[] = [];

  /** The address of each stand-in, `host:port`, by its name. */
  async open(): Promise<Readonly<Record<string, string>>> {
    return {
      nothing: '127.0.0.1:9',
      silence: await this.listening(createServer()),
      website: await this.listening(createWeb(website)),
      'aws-refusing': await this.listening(createWeb(refusal)),
      'mqtt-refusing': await this.listening(
        createServer((socket) => socket.once('data', () => socket.end(NOT_AUTHORIZED))),
      ),
      'mqtt-of-little-qos': await this.listening(
        createServer((socket) => socket.once('data', () => socket.write(QOS_0_ONLY))),
      ),
    };
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async listening(server: Server): Promise<string> {
    server.on('connection', (socket: Socket) =>
      this.sockets.add(socket.on('error', () => undefined)),
    );
    this.servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as { port: number }).port}`;
  }
}

const website: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(404, { 'content-type': 'text/html' }).end('<html>not found</html>');
};

/** As AWS says it. */
const refusal: RequestListener = (request, response) => {
  request.resume();
  const why = {
    __type: 'com.amazon.coral.service#UnrecognizedClientException',
    message: 'The security token included in the request is invalid.',
  };
  response
    .writeHead(403, { 'content-type': 'application/x-amz-json-1.0' })
    .end(JSON.stringify(why));
};

/** CONNACK of MQTT 5: reason 0x86, bad user name or password. */
const NOT_AUTHORIZED = Buffer.from([0x20, 3, 0, 0x86, 0]);
/** CONNACK of MQTT 5: welcome, with the property 0x24, maximum QoS, 0. */
const QOS_0_ONLY = Buffer.from([0x20, 5, 0, 0, 2, 0x24, 0]);
