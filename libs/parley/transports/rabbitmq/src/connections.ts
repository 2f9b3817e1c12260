import type { AmqpConnectionManager } from 'amqp-connection-manager';
import type { ChannelModel } from 'amqplib';

/** The current channel, or a promise of the next one. */
export class CurrentChannel<T> {
  current?: T;
  private waiting: Array<(value: T) => void> = [];

  come(value: T): void {
    this.current = value;
    for (const resolve of this.waiting.splice(0)) resolve(value);
  }

  /** Does nothing when another value has replaced this one. */
  go(value: T): void {
    if (this.current === value) this.current = undefined;
  }

  /** Resolves with the current value or the next one, in the order of the calls. */
  arrival(): Promise<T> {
    return this.current === undefined
      ? new Promise((resolve) => this.waiting.push(resolve))
      : Promise.resolve(this.current);
  }
}

/**
 * Closes the connection and opens another. Needed for a closed channel, which stays closed while
 * its connection lives.
 */
export function reconnect(manager: AmqpConnectionManager): void {
  const connection = manager.connection as ChannelModel | undefined;
  manager.reconnect();
  // The manager removes its listeners before it closes; an error meanwhile would end the process.
  connection?.on('error', () => undefined);
}
