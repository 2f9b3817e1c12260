import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { Charge, Ledger } from './ledger';
import {
  KeyReusedError,
  Provider,
  RefundRefusedError,
  SilenceError,
  TryAgainError,
} from './provider';
import { AdminBody, ChargeBody, Key, LedgerQuery, RefundBody, VoidBody } from './requests';

/** Longer than any sensible client waits. */
const HANGS_MS = 30_000;
const MAX_BODY_BYTES = 64 * 1024;

interface Reply {
  readonly status: number;
  readonly body: object;
}

interface Request {
  readonly url: URL;
  readonly key: string | undefined;
  readonly body: () => Promise<unknown>;
}

type Route = (request: Request) => Promise<Reply> | Reply;

class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
  constructor(
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** The company's HTTP interface. `down` and `delayMs` are for tests of its clients. */
export class ProviderServer {
  private readonly http: Server;
  private readonly provider: Provider;
  private down = false;
  private delayMs = 0;

  constructor(private readonly ledger: Ledger) {
    this.provider = new Provider(ledger);
    this.http = createServer((request, response) => void this.answer(request, response));
    // Longer than clients keep an idle connection: it is theirs to close, or their next request
    // meets a closed one.
    this.http.keepAliveTimeout = 75_000;
  }

  /**
   * @param host `::` is every address, of IPv6 and of IPv4: Node's own default
   * @returns the port it listens on
   */
  async listen(port: number, host = '127.0.0.1'): Promise<number> {
    await new Promise<void>((resolve, reject) =>
      this.http.once('error', reject).listen(port, host === '::' ? undefined : host, resolve),
    );
    return (this.http.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    this.http.closeAllConnections();
    await closed;
    await this.ledger.close();
  }

  /** The company's business; everything here stops while it is `down`. */
  private readonly business: Readonly<Record<string, Route>> = {
    'POST /charges': async ({ key, body }) =>
      reply(
        await this.provider.charge(
          parse(Key, key, 'Idempotency-Key'),
          parse(ChargeBody, await body()),
        ),
      ),
    'GET /charges': async ({ url }) => {
      const key = parse(Key, url.searchParams.get('key'), 'key');
      const found = await this.provider.find(key);
      if (found === 'pending') return { status: 200, body: { key, status: 'pending' } };
      return found
        ? { status: 200, body: found }
        : { status: 404, body: { error: 'NotFound', message: `nothing was charged under ${key}` } };
    },
    'POST /charges/void': async ({ body }) => ({
      status: 200,
      body: await this.provider.void(parse(VoidBody, await body()).key),
    }),
    'POST /refunds': async ({ key, body }) => ({
      status: 201,
      body: await this.provider.refund(
        parse(Key, key, 'Idempotency-Key'),
        parse(RefundBody, await body()),
      ),
    }),
  };

  /** For monitoring and tests. */
  private readonly back: Readonly<Record<string, Route>> = {
    'GET /ledger': async ({ url }) => {
      const { entries, ...filter } = parse(LedgerQuery, Object.fromEntries(url.searchParams));
      await this.ledger.recorded();
      return {
        status: 200,
        body: {
          ...this.ledger.sums(filter),
          ...(entries === 'true' && { entries: this.ledger.list(filter) }),
        },
      };
    },
    'POST /admin': async ({ body }) => {
      const { down = this.down, delayMs = this.delayMs } = parse(AdminBody, await body());
      Object.assign(this, { down, delayMs });
      return { status: 200, body: { down, delayMs } };
    },
    'GET /health/live': () => ({ status: 200, body: { status: 'ok' } }),
    'GET /health/ready': async () => {
      await this.ledger.recorded();
      return { status: 200, body: { status: 'ok', down: this.down, delayMs: this.delayMs } };
    },
  };

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, body } = await this.route(request);
      send(response, status, body);
    } catch (error) {
      if (error instanceof SilenceError) return stayed(response, error.manner);
      send(response, statusOf(error), {
        error: (error as Error).name,
        message: (error as Error).message,
      });
    }
  }

  private async route(request: IncomingMessage): Promise<Reply> {
    const url = new URL(request.url ?? '/', 'http://provider');
    const name = `${request.method} ${url.pathname}`;
    const route = this.back[name] ?? this.business[name];
    if (!route) throw new BadRequestError(`${name} is not offered here`, 404);
    if (name in this.business) await this.obstruct();
    const key = request.headers['idempotency-key'];
    return route({ url, key: Array.isArray(key) ? key[0] : key, body: () => read(request) });
  }

  private async obstruct(): Promise<void> {
    if (this.delayMs > 0) await wait(this.delayMs);
    if (this.down) throw new TryAgainError('we are down; try again later with the same key');
  }
}

const reply = (charge: Charge): Reply => ({
  status: charge.status === 'captured' ? 201 : 402,
  body: charge,
});

function parse<S extends z.ZodType>(schema: S, value: unknown, what = 'the body'): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new BadRequestError(`${what}: ${z.prettifyError(result.error)}`);
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new BadRequestError(`the body is longer than ${MAX_BODY_BYTES} bytes`, 413);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BadRequestError('the body is not JSON');
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
    .end(bytes);
}

function stayed(response: ServerResponse, manner: SilenceError['manner']): void {
  if (manner === 'drops') return void response.destroy();
  const late = setTimeout(
    () =>
      send(response, 504, {
        error: 'Timeout',
        message: 'the bank did not answer; look the key up',
      }),
    HANGS_MS,
  );
  response.once('close', () => clearTimeout(late));
}

function statusOf(error: unknown): number {
  if (error instanceof BadRequestError) return error.status;
  if (error instanceof KeyReusedError) return 422;
  if (error instanceof RefundRefusedError) return 409;
  return error instanceof TryAgainError ? 503 : 500;
}
