import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { abortAfter } from '@parley/resilience';

export interface ProviderAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface ProviderRequest {
  readonly key?: string;
  readonly body?: object;
  readonly signal: AbortSignal;
}

/**
 * The provider certainly did nothing, or will do the same for the same key: trying again is safe.
 */
export class ProviderUnavailableError extends Error {
  override readonly name = 'ProviderUnavailableError';
  constructor(address: string, why: string) {
    super(
      `the payment provider at ${address} is unavailable (${why}); it is asked again later, with the same key`,
    );
  }
}

/** The provider was asked and may have done it, but its answer was never heard: look the key up. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError';
  constructor(what: string, why: string) {
    super(
      `the payment provider did not answer ${what} (${why}); whether it took effect is unknown until it is looked up`,
    );
  }
}

/**
 * HTTP to the provider with a time-out, over connections that are kept. Redirects are refused, not
 * followed.
 */
export class ProviderConnection {
  private readonly agent: HttpAgent;
  private readonly open: (url: URL, options: object) => ClientRequest;

  constructor(
    private readonly base: URL,
    private readonly patience: number,
  ) {
    const secure = base.protocol === 'https:';
    this.agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 100 });
    this.open = secure ? httpsRequest : httpRequest;
  }

  /** @throws ProviderUnavailableError, OutcomeUnknownError, and the signal's reason when it is aborted */
  async ask(
    method: 'GET' | 'POST',
    path: string,
    request: ProviderRequest,
  ): Promise<ProviderAnswer> {
    const answer = await this.exchange(method, path, request);
    if (answer.status >= 500 || answer.status === 429)
      throw new ProviderUnavailableError(this.base.host, `it answered ${answer.status}`);
    return answer;
  }

  close(): void {
    this.agent.destroy();
  }

  private async exchange(
    method: string,
    path: string,
    { key, body, signal }: ProviderRequest,
    stale = false,
  ): Promise<ProviderAnswer> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      ...(bytes && { 'content-type': 'application/json', 'content-length': bytes.length }),
      ...(key !== undefined && { 'idempotency-key': key }),
    };
    const limited = AbortSignal.any([signal, abortAfter(this.patience)]);
    const request = this.open(new URL(path, this.base), {
      method,
      headers,
      signal: limited,
      agent: this.agent,
    });
    try {
      return await answerTo(request, bytes);
    } catch (error) {
      signal.throwIfAborted();
      // A kept connection that the other side had just closed says nothing about the request; the
      // key makes a second one safe.
      if (!stale && request.reusedSocket && !limited.aborted)
        return this.exchange(method, path, { key, body, signal }, true);
      throw this.judge(`${method} ${path}`, error as NodeJS.ErrnoException, limited.aborted);
    }
  }

  private judge(
    what: string,
    { syscall, code, message }: NodeJS.ErrnoException,
    late: boolean,
  ): Error {
    if (syscall === 'connect' || syscall === 'getaddrinfo')
      return new ProviderUnavailableError(this.base.host, code ?? message);
    return new OutcomeUnknownError(what, late ? `within ${this.patience} ms` : (code ?? message));
  }
}

function answerTo(request: ClientRequest, body: Buffer | undefined): Promise<ProviderAnswer> {
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => void read(response).then(resolve, reject));
    request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<ProviderAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const isJson = response.headers['content-type']?.startsWith('application/json') === true;
  return { status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text };
}
