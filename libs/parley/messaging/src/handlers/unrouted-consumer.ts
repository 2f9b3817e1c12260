import type { MessageHandler } from '@nestjs/microservices';
import type { Contract, Kind } from '@parley/contract';
import { HandlerError, type HandlerExtras, type SubscriptionRegistry } from './handler-registry';
import { ConsumerServer } from './consumer-server';
import type { ConsumerHealth } from '../ports/health';

/**
 * Stands in for a kind without a URL, or calls without a port: refuses to start a service that
 * handles that kind.
 */
export class UnroutedConsumer extends ConsumerServer<Kind> {
  constructor(
    kind: Kind,
    registry: SubscriptionRegistry,
    private readonly carried: (contract: Contract) => boolean = () => false,
  ) {
    super(kind, registry);
  }

  override addHandler(
    _pattern: unknown,
    _run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    const { contract } = extras as HandlerExtras;
    if (this.carried(contract)) return;
    throw new HandlerError(
      `${contract.name} is handled here, but nothing carries ${contract.kind}s; set ${contract.kind === 'call' ? 'CALLS_PORT' : `${contract.kind.toUpperCase()}S_URL`}`,
    );
  }

  protected async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async close(): Promise<void> {}

  health(): ConsumerHealth {
    return { technology: 'none', kind: this.kind, state: 'stopped', reason: 'no URL' };
  }
}
