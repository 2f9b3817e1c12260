import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

interface Put {
  readonly Records: { readonly Data: string; readonly PartitionKey: string }[];
  readonly StreamName: string;
}

/**
 * A proxy of a Kinesis with shards that are busy now and then: of a PutRecords it lets some records
 * through and refuses the others, as AWS's does. Kinesalite never does.
 */
export class BusyRoad {
  /** Records refused so far. */
  refused = 0;

  private constructor(
    private readonly server: Server,
    private readonly to: string,
    private readonly isBusy: () => boolean,
  ) {
    server.on('request', (request, response) => void this.answer(request, response));
  }

  static async to(endpoint: string, isBusy: () => boolean): Promise<BusyRoad> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new BusyRoad(server, endpoint, isBusy);
  }

  along(url: string): string {
    const own = new URL(url);
    own.host = `127.0.0.1:${(this.server.address() as { port: number }).port}`;
    return own.href;
  }

  async close(): Promise<void> {
    this.server.close().closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const isPut = String(request.headers['x-amz-target']).endsWith('.PutRecords');
    const answer = isPut
      ? await this.put(request, JSON.parse(body) as Put)
      : await this.pass(request, body);
    response
      .writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' })
      .end(answer.text);
  }

  private async put(request: IncomingMessage, { Records, StreamName }: Put) {
    const isTaken = Records.map(() => !this.isBusy());
    const taken = Records.filter((_, place) => isTaken[place]);
    this.refused += Records.length - taken.length;
    const passed =
      taken.length > 0
        ? await this.pass(request, JSON.stringify({ StreamName, Records: taken }))
        : undefined;
    const results = passed ? (JSON.parse(passed.text) as { Records: object[] }).Records : [];
    const busy = {
      ErrorCode: 'ProvisionedThroughputExceededException',
      ErrorMessage: 'Rate exceeded for shard',
    };
    const all = isTaken.map((taken) => (taken ? results.shift()! : busy));
    return {
      status: 200,
      text: JSON.stringify({ FailedRecordCount: Records.length - taken.length, Records: all }),
    };
  }

  private async pass({ headers }: IncomingMessage, body: string) {
    const kept = [
      'x-amz-target',
      'authorization',
      'x-amz-date',
      'content-type',
      'x-amz-content-sha256',
    ].flatMap((name) => (headers[name] ? [[name, String(headers[name])]] : []));
    const response = await fetch(this.to, {
      method: 'POST',
      headers: Object.fromEntries(kept) as Record<string, string>,
      body,
    });
    return { status: response.status, text: await response.text() };
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
