import { abortAfter } from '@parley/resilience';

/** An instance that answers later counts as not answering. */
const PATIENCE_MS = 3_000;

export interface Answer {
  readonly service: string;
  readonly url: string;
  readonly ok: boolean;
  readonly status?: number;
  readonly body?: unknown;
  readonly error?: string;
}

/** A change that an operator asks of an instance. */
export interface OperatorRequest {
  readonly body?: unknown;
  readonly operator?: string;
  /** Passed on in place of the fleet's own token: the header that proves who the operator is. */
  readonly authorization?: string;
}

/** URLs of each service's instances: where operations are, as `addressOf` says. */
export type Addresses = Readonly<Record<string, readonly string[]>>;

/** Every instance of every service, as they speak of themselves. */
export class Fleet {
  /**
   * @param currentAddresses asked at each request
   * @param patienceMs how long an instance may take to answer
   * @param token the token of operations, if they ask for one
   */
  constructor(
    private readonly currentAddresses: () => Addresses,
    private readonly patienceMs = PATIENCE_MS,
    private readonly token?: string,
  ) {}

  get addresses(): Addresses {
    return this.currentAddresses();
  }

  /** With the same token and patience at other addresses. */
  among(addresses: Addresses): Fleet {
    return new Fleet(() => addresses, this.patienceMs, this.token);
  }

  /** Asks every instance of every service, or of one. */
  askAll(path: string, only?: string): Promise<Answer[]> {
    const asked = Object.entries(this.addresses).filter(
      ([service]) => only === undefined || only === service,
    );
    return Promise.all(
      asked.flatMap(([service, urls]) => urls.map((url) => this.ask(service, url, path))),
    );
  }

  /** Sends a request to every instance of a service: each must apply it for itself. */
  async sendToAll(service: string, path: string, request: OperatorRequest): Promise<Answer[]> {
    const urls = this.urlsOf(service);
    return urls.length > 0
      ? Promise.all(urls.map((url) => this.ask(service, url, path, request)))
      : [unknown(service)];
  }

  /** Asks each service, or one, for data that its instances share in their database. */
  askEach(path: string, service?: string): Promise<Answer[]> {
    const names = Object.keys(this.addresses).filter(
      (name) => service === undefined || name === service,
    );
    return Promise.all(names.map((name) => this.askOne(name, path)));
  }

  /** Asks all instances of a service at once: the first that knows an answer counts. */
  async askOne(service: string, path: string): Promise<Answer> {
    const urls = this.urlsOf(service);
    const failures: Answer[] = [];
    const answers = urls.map(async (url) => {
      const answer = await this.ask(service, url, path);
      if (!knows(answer)) throw failures.push(answer);
      return answer;
    });
    return Promise.any(answers).catch(() => failures[0] ?? unknown(service));
  }

  /**
   * Sends a request to one instance after the other, until one can serve it. Never to two at the
   * same time: it must take effect once.
   */
  async sendToOne(service: string, path: string, request: OperatorRequest = {}): Promise<Answer> {
    let last = unknown(service);
    for (const url of this.urlsOf(service)) {
      last = await this.ask(service, url, path, request);
      if (knows(last)) return last;
    }
    return last;
  }

  /** Sends a request to one instance of each service. */
  sendToEach(path: string, request?: OperatorRequest): Promise<Answer[]> {
    return Promise.all(
      Object.keys(this.addresses).map((name) => this.sendToOne(name, path, request)),
    );
  }

  private urlsOf(service: string): readonly string[] {
    const { addresses } = this;
    return (Object.hasOwn(addresses, service) && addresses[service]) || [];
  }

  /** Asks one instance, or sends it a request. */
  async ask(
    service: string,
    url: string,
    path: string,
    request?: OperatorRequest,
  ): Promise<Answer> {
    try {
      const response = await fetch(addressOf(url, path), {
        ...this.asFetched(request),
        signal: abortAfter(this.patienceMs),
      });
      return {
        service,
        url,
        ok: response.ok,
        status: response.status,
        body: await response.json(),
      };
    } catch (error) {
      return { service, url, ok: false, error: describe(error) };
    }
  }

  private asFetched(request?: OperatorRequest): RequestInit {
    const authorization =
      request?.authorization ?? (this.token !== undefined ? `Bearer ${this.token}` : undefined);
    const known = authorization !== undefined && { authorization };
    if (!request) return { headers: { ...known } };
    const { body, operator } = request;
    const headers = {
      ...known,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(operator !== undefined && { 'x-operator': operator }),
    };
    return { method: 'POST', headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  }
}

/**
 * The address of a path such as `/operations/status` or `/health/ready` at an instance. A URL that
 * has a path names where operations are mounted: `https://shop.example/admin/messages` has
 * `/admin/messages/status`. Health is beside them.
 */
function addressOf(url: string, path: string): URL {
  const mount = new URL(url).pathname.replace(/\/$/, '');
  if (mount === '') return new URL(path, url);
  const [, area = '', rest = ''] = /^\/(\w+)(.*)$/.exec(path) ?? [];
  const folder = mount.slice(0, mount.lastIndexOf('/'));
  return new URL(area === 'operations' ? `${mount}${rest}` : `${folder}${path}`, url);
}

const unknown = (service: string): Answer => ({
  service,
  url: '',
  ok: false,
  status: 404,
  error: `there is no service ${service}`,
});

const knows = ({ status }: Answer): boolean => status !== undefined && status < 500;

function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
