import type { IncomingMessage } from 'node:http';
import { MAX_MESSAGE_BYTES } from './protocol';

/** Bytes of all requests that are being received; more are refused until some have arrived. */
const MAX_RECEIVED_BYTES = 128 * 1024 * 1024;
/** Bytes beyond the limit that are read and dropped, so that the sender can read the refusal. */
const DROPPED_LIMIT = 4 * MAX_MESSAGE_BYTES;

/** The body, or the reason for which it was not kept. */
export type Received = Buffer | 'too-large' | 'too-many' | 'aborted';

/** Reads the bodies of requests, in bounded memory. */
export class RequestBodies {
  /** Bytes kept of requests that have not arrived whole. */
  private receiving = 0;

  /** Calls back once: with the body, or with the reason for which there is none. */
  read(request: IncomingMessage, done: (received: Received) => void): void {
    const parts: Buffer[] = [];
    let size = 0;
    let refused: 'too-large' | 'too-many' | undefined;
    const finish = (received: Received) => {
      this.receiving -= refused ? 0 : size;
      request.removeAllListeners('data').removeAllListeners('end').off('close', aborted);
      done(received);
    };
    const aborted = () => finish('aborted');
    const refuse = (why: 'too-large' | 'too-many') => {
      this.receiving -= size;
      parts.length = 0;
      refused = why;
    };
    const take = (part: Buffer) => {
      if (refused) {
        size += part.length;
        if (size > MAX_MESSAGE_BYTES + DROPPED_LIMIT) finish(refused);
        return;
      }
      if (size + part.length > MAX_MESSAGE_BYTES) refuse('too-large');
      else if (this.receiving + part.length > MAX_RECEIVED_BYTES) refuse('too-many');
      size += part.length;
      if (refused) return;
      this.receiving += part.length;
      parts.push(part);
    };
    request
      .on('data', take)
      .on('end', () => finish(refused ?? (parts.length === 1 ? parts[0]! : Buffer.concat(parts))))
      .on('close', aborted);
  }
}
