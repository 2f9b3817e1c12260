import { networkInterfaces } from 'node:os';

/** A URL's host as sockets take it: `URL.hostname` has brackets around an IPv6 address. */
export const socketHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1');

/** Host and port as URLs and people write them: `127.0.0.1:5000`, `[::1]:5000`. */
export const hostAndPort = (host: string, port: number | string): string =>
  `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;

/**
 * The host to listen on: `::` takes IPv6 and IPv4, also on a machine that has no IPv6, where it
 * becomes `0.0.0.0`. Other hosts stay as they are.
 */
export const listeningHost = (
  host: string,
  interfaces: Interfaces = networkInterfaces(),
): string => (host === '::' && !hasIPv6(interfaces) ? '0.0.0.0' : host);

/** Addresses of the machine, by the name of the interface. */
type Interfaces = Readonly<Record<string, readonly { readonly family: string }[] | undefined>>;

const hasIPv6 = (interfaces: Interfaces): boolean =>
  Object.values(interfaces).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'));

/** The error of a server of calls that cannot listen at its address. */
export const portTakenError = (
  { host, port }: { readonly host: string; readonly port: number },
  cause: Error,
): Error =>
  new Error(
    `calls cannot be answered at ${hostAndPort(host, port)}: ${cause.message}; is the port taken?`,
    { cause },
  );
