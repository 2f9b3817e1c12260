import type { Headers } from '@parley/messaging/transport';

export interface Item {
  readonly headers: Headers;
  readonly body: Buffer;
  /** When it may be delivered. */
  readonly due: number;
}
