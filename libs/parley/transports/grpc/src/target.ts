import { isIPv4, isIPv6 } from 'node:net';

/** A calls URL that cannot be read. */
class GrpcUrlError extends Error {
  override readonly name = 'GrpcUrlError';
  constructor(url: string, why: string) {
    super(
      `"${url}" ${why}; write grpc://10.0.0.1:5020,10.0.0.2:5020 or grpc://catalog:5020, a name that resolves to every instance`,
    );
  }
}

/**
 * Where grpc-js finds the instances: addresses are taken as they are, one name is resolved to all
 * of its addresses. Either way there is one channel per owner, and round robin over the instances
 * it could connect to.
 */
export function targetOf(url: string): string {
  const authorities = /^grpc:\/\/([^/]+)\/?$/.exec(url)?.[1]?.split(',') ?? [];
  if (authorities.length === 0) throw new GrpcUrlError(url, 'is no gRPC URL');
  const hosts = authorities.map((authority) => hostOf(url, authority));
  if (hosts.every(isIPv4))
    return `ipv4:${authorities.join(',').replaceAll('localhost', '127.0.0.1')}`;
  if (hosts.every(isIPv6)) return `ipv6:${authorities.join(',')}`;
  if (hosts.length > 1) throw new GrpcUrlError(url, 'mixes names with other hosts');
  return `dns:///${authorities[0]}`;
}

function hostOf(url: string, authority: string): string {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(authority) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new GrpcUrlError(url, `has "${authority}" where host:port is needed`);
  return plain === 'localhost' ? '127.0.0.1' : (bracketed ?? plain)!;
}
