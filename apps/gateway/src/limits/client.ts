import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Caller } from '../callers';

/**
 * The name under which a client's requests are counted: the account of a good token, or else the
 * address. Guests count by their address, because each order that they place gives them a token.
 * @param caller undefined for a token that is not good
 * @param address of the connection, or as a trusted proxy names it
 */
export function clientOf(caller: Caller | undefined, address: string): string {
  return caller?.kind === 'customer'
    ? `account:${createHash('sha256').update(caller.account).digest('base64url').slice(0, 22)}`
    : `address:${networkOf(address)}`;
}

/**
 * The address, of IPv6 its /64 network: a client has one at least, and could change its address with
 * each request.
 */
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
