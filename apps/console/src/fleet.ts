import { abortAfter } from '@parley/resilience';

/** Milliseconds; an instance that answers later is shown as not answering. */
const PATIENCE = 3_000;

export interface Answer {
  readonly service: string;
  readonly url: string;
  readonly ok: boolean;
  readonly status?: number;
  readonly body?: unknown;
  readonly error?: string;
}

/** An operator's request to an instance. */
export interface Order {
  readonly body?: unknown;
  readonly operator?: string;
}

/** Every instance of every service, as they speak of themselves. */
export class Fleet {
  /**
   * @param currentAddresses the base URLs of each service's instances, asked at each request
   * @param token the token of operations, if they ask for one
   */
  constructor(
    private readonly currentAddresses: () => Readonly<Record<string, readonly string[]>>,
    private readonly patience = PATIENCE,
    private readonly token?: string,
  ) {}

  private get addresses(): ReadonlyMap<string, readonly string[]> {
    return new Map(Object.entries(this.currentAddresses()));
  }

  /** Asks every instance of every service, or of one. */
  askAll(path: string, only?: string): Promise<Answer[]> {
    const asked = [...this.addresses].filter(([service]) => only === undefined || only === service);
    return Promise.all(
      asked.flatMap(([service, urls]) => urls.map((url) => this.ask(service, url, path))),
    );
  }

  /** Sends a request to every instance of a service: each must apply it for itself. */
  async tellAll(service: string, path: string, order: Order): Promise<Answer[]> {
    const urls = this.addresses.get(service);
    return urls
      ? Promise.all(urls.map((url) => this.ask(service, url, path, order)))
      : [unknown(service)];
  }

  /** Asks each service, or one, for data that its instances share in their database. */
  askEach(path: string, service?: string): Promise<Answer[]> {
    const names = [...this.addresses.keys()].filter(
      (name) => service === undefined || name === service,
    );
    return Promise.all(names.map((name) => this.askOne(name, path)));
  }

  /** Asks all instances of a service at once: the first that knows an answer counts. */
  async askOne(service: string, path: string): Promise<Answer> {
    const urls = this.addresses.get(service) ?? [];
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
  async tellOne(service: string, path: string, order: Order = {}): Promise<Answer> {
    let last = unknown(service);
    for (const url of this.addresses.get(service) ?? []) {
      last = await this.ask(service, url, path, order);
      if (knows(last)) return last;
    }
    return last;
  }

  /** Tells each service: one instance of it. */
  tellEach(path: string, order?: Order): Promise<Answer[]> {
    return Promise.all([...this.addresses.keys()].map((name) => this.tellOne(name, path, order)));
  }

  private async ask(service: string, url: string, path: string, order?: Order): Promise<Answer> {
    try {
      const response = await fetch(new URL(path, url), {
        ...this.request(order),
        signal: abortAfter(this.patience),
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

  private request(order?: Order): RequestInit {
    const authorization = this.token !== undefined && { authorization: `Bearer ${this.token}` };
    if (!order) return { headers: { ...authorization } };
    const { body, operator } = order;
    const headers = {
      ...authorization,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(operator !== undefined && { 'x-operator': operator }),
    };
    return { method: 'POST', headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  }
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
