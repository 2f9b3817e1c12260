import { Injectable } from '@nestjs/common';
import { environment } from './config';

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

/** Every instance of every service, as they speak of themselves. */
@Injectable()
export class Fleet {
  private readonly addresses: Readonly<Record<string, readonly string[]>> = environment.OPERATIONS_URLS;

  services(): readonly string[] {
    return Object.keys(this.addresses);
  }

  /** Asks every instance, or only those of one service. */
  askAll(path: string, service?: string): Promise<Answer[]> {
    const asked = Object.entries(this.addresses).filter(([name]) => service === undefined || name === service);
    return Promise.all(asked.flatMap(([name, urls]) => urls.map((url) => this.ask(name, url, path))));
  }

  /** Asks one instance of each service, or of one: what they keep together in their database. The first that answers counts. */
  async askEach(path: string, service?: string): Promise<Answer[]> {
    const names = this.services().filter((name) => service === undefined || name === service);
    return Promise.all(names.map((name) => this.askOne(name, path)));
  }

  async askOne(service: string, path: string, method = 'GET'): Promise<Answer> {
    let last: Answer = { service, url: '', ok: false, error: 'no such service' };
    for (const url of this.addresses[service] ?? []) {
      last = await this.ask(service, url, path, method);
      if (last.status !== undefined && last.status < 500) return last;
    }
    return last;
  }

  private async ask(service: string, url: string, path: string, method = 'GET'): Promise<Answer> {
    try {
      const response = await fetch(new URL(path, url), { method, signal: AbortSignal.timeout(PATIENCE) });
      return { service, url, ok: response.ok, status: response.status, body: await response.json() };
    } catch (error) {
      return { service, url, ok: false, error: describe(error) };
    }
  }
}

function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
