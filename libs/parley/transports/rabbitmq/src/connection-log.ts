import { Logger } from '@nestjs/common';
import type { TransportContext } from '@parley/messaging/transport';

/**
 * Logs once that a connection is lost, and once that it is back, however often reconnecting is
 * tried.
 */
export class ConnectionLog {
  private isLost = false;

  constructor(
    /** `the connection that publishes to RabbitMQ at amqp://…` */
    private readonly connection: string,
    private readonly log: TransportContext['log'],
  ) {}

  lost(why?: string): void {
    if (this.isLost) return;
    this.isLost = true;
    const reason = why === undefined ? '' : ` (${why})`;
    this.log('warn', `${this.connection} is lost${reason}; it is opened anew by itself`);
  }

  back(): void {
    if (!this.isLost) return;
    this.isLost = false;
    this.log('info', `${this.connection} is back`);
  }
}

/**
 * A logger for Nest's server and client, which report each lost connection as two errors and each
 * new one as another line: `ConnectionLog` reports it instead.
 */
export function loggerWithoutConnections(name: string): Logger {
  return Object.assign(new Logger(name), { error: () => undefined, log: () => undefined });
}
