import type { Contract, Kind } from '@parley/contract';
import type { MessageHandler } from '@nestjs/microservices';
import type { HandlerExtras, SubscriptionRegistry } from './handler-registry';
import type { Handler, RegisteredSubscription } from '../ports/subscription';

/**
 * The handlers of the contracts that one technology carries, where several technologies carry one
 * kind: Nest offers every handler of a kind to each of them.
 */
export class FilteredSubscriptions implements SubscriptionRegistry {
  constructor(
    private readonly whole: SubscriptionRegistry,
    private readonly carried: (contract: Contract) => boolean,
  ) {}

  add(run: MessageHandler, extras: HandlerExtras): void {
    if (this.carried(extras.contract)) this.whole.add(run, extras);
  }

  subscriptions(kind?: Kind): readonly RegisteredSubscription[] {
    return this.whole.subscriptions(kind).flatMap((subscription) => {
      const handlers = new Map<string, Handler>(
        [...subscription.handlers].filter(([, { contract }]) => this.carried(contract)),
      );
      return handlers.size === 0
        ? []
        : [
            Object.create(subscription, {
              handlers: { value: handlers, enumerable: true },
            }) as RegisteredSubscription,
          ];
    });
  }
}
