import { STATUS_CODES } from 'node:http';
import type { CallFault } from '@parley/messaging/transport';
import { errorOf } from './fault';
import { JSON_TYPE, NOT_HANDLED_HEADER } from './protocol';

/**
 * A whole HTTP response, for a connection that closes. A request that is on its way gets it as its
 * response, and it is true: nothing of this connection is handled any more.
 */
export function refusalBytes(fault: CallFault): Buffer {
  const { status, body } = errorOf(fault);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${JSON_TYPE}`,
    `content-length: ${body.length}`,
    `${NOT_HANDLED_HEADER}: true`,
    'connection: close',
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

export const STOPPING: CallFault = { code: 'unavailable', message: 'this instance stops' };
export const FULL: CallFault = {
  code: 'unavailable',
  message: 'this instance has too many connections',
};
