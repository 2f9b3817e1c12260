import type { AmqpConnectionManager } from 'amqp-connection-manager';
import type { ChannelModel } from 'amqplib';

/** Something that comes and goes, as a channel does with its connection. */
export class CurrentChannel<T> {
  current?: T;
  private waiting: Array<(value: T) => void> = [];

  come(value: T): void {
    this.current = value;
    for (const resolve of this.waiting.splice(0)) resolve(value);
  }

  /** Does nothing when another one has come meanwhile. */
  go(value: T): void {
    if (this.current === value) this.current = undefined;
  }

  /** In the order of asking. */
  arrival(): Promise<T> {
    return this.current === undefined
      ? new Promise((resolve) => this.waiting.push(resolve))
      : Promise.resolve(this.current);
  }
}

/**
 * Closes the connection and opens another: the way out of a closed channel, which stays closed
 * while its connection lives.
 */
export function reconnect(manager: AmqpConnectionManager): void {
  const connection = manager.connection as ChannelModel | undefined;
  manager.reconnect();
  // The manager takes its listeners away before it closes; an error meanwhile would end the
  // process.
  connection?.on('error', () => undefined);
}
