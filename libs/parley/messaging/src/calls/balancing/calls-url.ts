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
  constructor(url: string, why: string, [scheme, secure]: readonly string[]) {
    const byTls =
      secure === undefined
        ? ''
        : `; ${secure}:// is by TLS, with the files ?ca=…&cert=…&key=…&clientCa=…`;
    super(
      `"${withoutCredentials(url)}" ${why}; write ${scheme}://10.0.0.1:5020,10.0.0.2:5020 or ${scheme}://catalog:5020, a name that resolves to every instance, or ${scheme}:///run/calls/catalog, a file that lists them, and add ?balance=${BALANCES.join('|')} for another balance than the first${byTls}`,
    );
  }
}

/** The options of a URL that name files for TLS, in PEM. */
const TLS_OPTIONS = ['ca', 'cert', 'key', 'clientCa'] as const;

/** Paths of the files for TLS. */
export interface TlsPaths {
  /** The CAs that sign certificates of owners. Default: those that Node knows. */
  readonly ca?: string;
  /** The certificate of this service, followed by those between it and its CA. */
  readonly cert?: string;
  /** The key of `cert`, without a passphrase. */
  readonly key?: string;
  /** The CAs that sign certificates of callers. With it, a caller without one is refused. */
  readonly clientCa?: string;
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
  /** Undefined: without TLS. */
  readonly tls?: TlsPaths;
}

/**
 * Reads `scheme://host:port[,host:port…][?balance=round-robin|least-requests|mesh]`, or
 * `scheme:///path/of/a/file[?balance=…]`.
 * @param schemes of the technology: without TLS, and with it
 * @throws CallsUrlError
 */
export function readCallsUrl(url: string, schemes: readonly string[]): CallsUrl {
  const refuse = (why: string): never => {
    throw new CallsUrlError(url, why, schemes);
  };
  const [, scheme, hostList, path, query] =
    /^([a-z]+):\/\/(?:([^/?#]+)\/?|(\/[^?#]+))(?:\?([^#]*))?$/.exec(url) ?? [];
  if (scheme === undefined || !schemes.includes(scheme))
    return refuse(`is no URL of ${schemes[0]} calls`);
  const hosts = hostList?.split(',').map((one) => hostIn(one, refuse)) ?? [];
  if (hosts.length > 1 && hosts.some(({ host }) => isIP(host) === 0))
    return refuse('mixes names with other hosts');
  const { balance, files } = optionsIn(query, refuse);
  if (balance === 'mesh' && hosts.length !== 1)
    return refuse('must have one address when a mesh balances');
  const isByTls = scheme === schemes[1];
  const [file] = Object.keys(files);
  if (!isByTls && file !== undefined) return refuse(`has "${file}", which is for TLS`);
  if ((files.cert === undefined) !== (files.key === undefined))
    return refuse('has one of cert and key, which belong together');
  return {
    scheme,
    hosts,
    balance,
    ...(path && { file: decodeURIComponent(path) }),
    ...(isByTls && { tls: files }),
  };
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

function optionsIn(
  query: string | undefined,
  refuse: (why: string) => never,
): { readonly balance: Balance; readonly files: TlsPaths } {
  let balance: Balance = 'round-robin';
  const files: Partial<Record<(typeof TLS_OPTIONS)[number], string>> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const file = TLS_OPTIONS.find((known) => known === name);
    if (file) files[file] = value || refuse(`has no path after "${name}="`);
    else if (name !== 'balance') return refuse(`has the unknown parameter "${name}"`);
    else
      balance =
        BALANCES.find((known) => known === value) ?? refuse(`has the unknown balance "${value}"`);
  }
  return { balance, files };
}

/** Everything from the slashes to the last `@` of the same part is left out. */
function withoutCredentials(url: string): string {
  const end = url.lastIndexOf('@');
  return end < 0 ? url : `${url.slice(0, url.lastIndexOf('/', end) + 1)}…${url.slice(end)}`;
}
