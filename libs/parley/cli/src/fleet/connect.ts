import { z } from 'zod';
import { RefusedError } from '../command-line/errors';
import { type Addresses, Fleet } from './fleet';

/** Where the instances are, and the token that opens their operations. */
export interface Place {
  readonly addresses: Addresses;
  readonly token?: string;
}

/** An instance answers within 3 s, also when its database does not; a console takes as long again. */
const PATIENCE_MS = 8_000;

const Status = z.looseObject({ service: z.string() });
const Instances = z.record(z.string(), z.array(z.string()));

export const fleetAt = ({ addresses, token }: Place): Fleet =>
  new Fleet(() => addresses, PATIENCE_MS, token);

/**
 * Asks each instance which service it belongs to. One that does not answer is named by its host.
 * @throws {RefusedError} for a URL that is none
 */
export async function placeOf(urls: readonly string[], token?: string): Promise<Place> {
  for (const url of urls) checkUrl(url);
  const asked = fleetAt({ addresses: { '': urls }, token });
  const services = new Map<string, string[]>();
  for (const { url, ok, body } of await asked.askAll('/operations/status')) {
    const name = (ok && Status.safeParse(body).data?.service) || new URL(url).host;
    services.set(name, [...(services.get(name) ?? []), url]);
  }
  return { addresses: Object.fromEntries(services), token };
}

/**
 * The instances behind a console, which passes requests on: for networks in which only the console
 * can be reached.
 * @throws {RefusedError} when it does not answer
 */
export async function placeBehind(consoleUrl: string, token?: string): Promise<Place> {
  checkUrl(consoleUrl);
  const fleet = fleetAt({ addresses: { console: [consoleUrl] }, token });
  const answer = await fleet.askOne('console', '/api/instances');
  if (answer.status === 401) throw new RefusedError(wantsToken(consoleUrl), 401);
  const instances = Instances.safeParse(answer.body).data;
  if (!instances)
    throw new RefusedError(
      `The console at ${consoleUrl} does not answer (${answer.error ?? `status ${answer.status}`}); is the system running?`,
    );
  const absolute = (path: string) => new URL(path, consoleUrl).href;
  const addresses = Object.entries(instances).map(([name, paths]) => [name, paths.map(absolute)]);
  return { addresses: Object.fromEntries(addresses), token };
}

export const wantsToken = (url: string): string =>
  `Operations at ${url} want a token: set PARLEY_TOKEN to an operator's access token, or to the OPERATIONS_TOKEN of the services.`;

function checkUrl(url: string): void {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return;
  throw new RefusedError(`"${url}" is no URL of operations: http://127.0.0.1:4101 would be one.`);
}
