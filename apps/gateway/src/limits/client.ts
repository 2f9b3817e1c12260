import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Callers } from '../callers';

/**
 * The name under which a client's requests are counted: the account of a good token, or else the
 * address. A guest's token counts nothing of its own: anybody gets as many as orders are placed.
 */
export async function clientOf(request: FastifyRequest, callers: Callers): Promise<string> {
  const caller = await callers.of(request.raw).catch(() => undefined);
  return caller?.kind === 'customer'
    ? `account:${createHash('sha256').update(caller.account).digest('base64url').slice(0, 22)}`
    : `address:${networkOf(request.ip)}`;
}

/** An IPv6 client has a /64 network at least, and could change its address with each request. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = '', tail] = address.toLowerCase().split('%')[0]!.split('::');
  const before = head.split(':').filter(Boolean);
  const after = (tail ?? '').split(':').filter(Boolean);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  const network = groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
