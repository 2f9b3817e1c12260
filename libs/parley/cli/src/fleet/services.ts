import type { z } from 'zod';
import { RefusedError } from '../command-line/errors';
import { wantsToken } from './connect';
import type { Addresses, Answer, Fleet } from './fleet';

/** The answer of a service or of an instance. */
export interface Reply<T> {
  readonly service: string;
  readonly url: string;
  readonly body: T;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `?limit=50&newest=true`, without what is undefined. */
export function queryOf(query: Query): string {
  const known = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return known.length === 0 ? '' : `?${new URLSearchParams(known)}`;
}

/** The services as commands ask them: answers are checked, and those that did not come are remembered. */
export class Services {
  private readonly silent = new Set<string>();

  constructor(
    readonly fleet: Fleet,
    private readonly operator: string,
  ) {}

  /** The same with other addresses. */
  among(addresses: Addresses): Services {
    return new Services(this.fleet.among(addresses), this.operator);
  }

  /** A sentence for each service that did not answer a question that the others answered. */
  get unanswered(): readonly string[] {
    return [...this.silent];
  }

  /**
   * Asks each service, or one; those that have nothing of the kind are left out.
   * @throws {RefusedError} when none answers, and for an unknown service
   */
  async each<T>(path: string, schema: z.ZodType<T>, service?: string): Promise<Reply<T>[]> {
    const answers = await this.fleet.askEach(path, service);
    if (service !== undefined && answers.length === 0)
      throw new RefusedError(`There is no service ${service}.`);
    return this.readAll(answers, schema);
  }

  /** Asks every instance of every service, or of one; otherwise as `each`. */
  async all<T>(path: string, schema: z.ZodType<T>, service?: string): Promise<Reply<T>[]> {
    const answers = await this.fleet.askAll(path, service);
    if (service !== undefined && answers.length === 0)
      throw new RefusedError(`There is no service ${service}.`);
    return this.readAll(answers, schema);
  }

  /** @throws {RefusedError} when the service does not answer, or refuses */
  async one<T>(service: string, path: string, schema: z.ZodType<T>): Promise<T> {
    return valueOf(await this.fleet.askOne(service, path), schema);
  }

  /** Changes something at one instance of a service. @throws {RefusedError} */
  async change<T>(service: string, path: string, body: object, schema: z.ZodType<T>): Promise<T> {
    return valueOf(await this.fleet.sendToOne(service, path, this.request(body)), schema);
  }

  /** Changes something at every instance of a service. @throws {RefusedError} when none answers */
  async changeAll<T>(
    service: string,
    path: string,
    body: object,
    schema: z.ZodType<T>,
  ): Promise<Reply<T>[]> {
    return this.readAll(
      await this.fleet.sendToAll(service, path, this.request(body)),
      schema,
      true,
    );
  }

  /** Changes something at one instance of each service. @throws {RefusedError} when none answers */
  async changeEach<T>(path: string, body: object, schema: z.ZodType<T>): Promise<Reply<T>[]> {
    return this.readAll(await this.fleet.sendToEach(path, this.request(body)), schema);
  }

  readAll<T>(answers: readonly Answer[], schema: z.ZodType<T>, isNeeded = false): Reply<T>[] {
    const failures: string[] = [];
    const replies: Reply<T>[] = [];
    for (const answer of answers) {
      const { service, url, ok, status, body } = answer;
      if (status === 401) throw new RefusedError(wantsToken(url), 401);
      // A service without data of its own keeps no dead letters, for instance.
      if (status === 404 && !isNeeded) continue;
      const read = ok ? schema.safeParse(body).data : undefined;
      if (read === undefined) failures.push(silence(answer));
      else replies.push({ service, url, body: read });
    }
    if (replies.length === 0 && failures.length > 0) throw new RefusedError(failures.join('\n'));
    for (const one of failures) this.silent.add(one);
    return replies;
  }

  private request(body: object) {
    return { body, operator: inLatin(this.operator) };
  }
}

function valueOf<T>(answer: Answer, schema: z.ZodType<T>): T {
  const { url, ok, status, body } = answer;
  if (status === 401) throw new RefusedError(wantsToken(url), 401);
  if (!ok) throw new RefusedError(messageIn(body) ?? silence(answer), status);
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  throw new RefusedError(silence(answer), status);
}

function silence({ service, url, ok, status, body, error }: Answer): string {
  const name = url === '' || url.includes(service) ? service : `${service} at ${url}`;
  if (ok) return `${name} answers something else: it is of another version`;
  return `${name} does not answer: ${error ?? messageIn(body) ?? `status ${status}`}`;
}

/** The reason of a refusal: of operations, of Nest, or a problem (RFC 9457). */
function messageIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const texts = ['message', 'detail', 'title'].map((name): unknown => Reflect.get(body, name));
  return texts.find((one) => typeof one === 'string');
}

/** HTTP headers are Latin-1: other letters become their nearest ones, or a question mark. */
const inLatin = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]/g, '?');
