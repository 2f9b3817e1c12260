import { isIP } from 'node:net';
import { hostAndPort } from '../../transport/host';

/** Where one instance answers. */
export interface InstanceAddress {
  /** An IP address without brackets; a name only in a URL, and with `?balance=mesh`. */
  readonly host: string;
  readonly port: number;
  /** The name that was resolved to `host`, for Host headers and certificates. */
  readonly name?: string;
}

/** `10.0.0.1:5020`, `[::1]:5020` */
export const addressOf = ({ host, port }: InstanceAddress): string => hostAndPort(host, port);

const BALANCES = ['round-robin', 'least-requests', 'mesh'] as const;
/** `mesh`: a service mesh below balances and repeats; the kit does neither. */
export type Balance = (typeof BALANCES)[number];

/** A URL for calls that cannot be read. */
export class CallsUrlError extends Error {
  override readonly name = 'CallsUrlError';
  constructor(url: string, why: string, scheme: string) {
    super(
      `"${withoutCredentials(url)}" ${why}; write ${scheme}://10.0.0.1:5020,10.0.0.2:5020 or ${scheme}://catalog:5020, a name that resolves to every instance, or ${scheme}:///run/calls/catalog, a file that lists them, and add ?balance=${BALANCES.join('|')} for another balance than the first`,
    );
  }
}

/** The instances of an owner, the same form for every technology of calls. */
export interface CallsUrl {
  /** Without the colon. */
  readonly scheme: string;
  /**
   * Several addresses, or one address, or one name; none when a file lists them. `localhost` is
   * 127.0.0.1.
   */
  readonly hosts: readonly InstanceAddress[];
  /** The path of a file that lists the addresses, one a line; read again when it changes. */
  readonly file?: string;
  /** Default 'round-robin'. */
  readonly balance: Balance;
}

/**
 * Reads `scheme://host:port[,host:port…][?balance=round-robin|least-requests|mesh]`, or
 * `scheme:///path/of/a/file[?balance=…]`.
 * @param schemes that the technology answers to; the first one is shown in errors
 * @throws CallsUrlError
 */
export function readCallsUrl(url: string, schemes: readonly string[]): CallsUrl {
  const refuse = (why: string): never => {
    throw new CallsUrlError(url, why, schemes[0]!);
  };
  const [, scheme, hostList, path, query] =
    /^([a-z]+):\/\/(?:([^/?#]+)\/?|(\/[^?#]+))(?:\?([^#]*))?$/.exec(url) ?? [];
  if (scheme === undefined || !schemes.includes(scheme))
    return refuse(`is no URL of ${schemes[0]} calls`);
  const hosts = hostList?.split(',').map((one) => hostIn(one, refuse)) ?? [];
  if (hosts.length > 1 && hosts.some(({ host }) => isIP(host) === 0))
    return refuse('mixes names with other hosts');
  const balance = balanceIn(query, refuse);
  if (balance === 'mesh' && hosts.length !== 1)
    return refuse('must have one address when a mesh balances');
  return { scheme, hosts, balance, ...(path && { file: decodeURIComponent(path) }) };
}

/**
 * The addresses in the text of a file: one a line, `host:port`. Empty lines and those that begin
 * with # are skipped.
 * @throws Error naming the first line that is no address
 */
export function addressesIn(text: string, file: string): readonly InstanceAddress[] {
  const lines = text.split('\n').map((line) => line.trim());
  const addresses = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return addresses.map((line) =>
    hostIn(line, (why) => {
      throw new Error(`${file} ${why}`);
    }),
  );
}

function hostIn(authority: string, refuse: (why: string) => never): InstanceAddress {
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]+)\]|([a-zA-Z0-9._-]+)):(\d{1,5})$/.exec(authority) ?? [];
  const port = Number(digits ?? 0);
  if (port < 1 || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6))
    return refuse(`has "${withoutCredentials(authority)}" where host:port is needed`);
  return { host: plain === 'localhost' ? '127.0.0.1' : (bracketed ?? plain)!, port };
}

function balanceIn(query: string | undefined, refuse: (why: string) => never): Balance {
  let balance: Balance = 'round-robin';
  for (const [name, value] of new URLSearchParams(query)) {
    if (name !== 'balance') return refuse(`has the unknown parameter "${name}"`);
    balance =
      BALANCES.find((known) => known === value) ?? refuse(`has the unknown balance "${value}"`);
  }
  return balance;
}

/** Everything from the slashes to the last `@` of the same part is left out. */
function withoutCredentials(url: string): string {
  const end = url.lastIndexOf('@');
  return end < 0 ? url : `${url.slice(0, url.lastIndexOf('/', end) + 1)}…${url.slice(end)}`;
}
