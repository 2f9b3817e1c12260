import { type Messaging } from '@parley/messaging';
import { NoSubscriptionError } from '@parley/messaging/transport';
import { z } from 'zod';
import {
  type AdmittedRequest,
  type OperationsAnswer,
  failed,
  read,
  refusingBadRequests,
} from './operations-request';

const Change = z.strictObject({
  concurrency: z.int().min(1).max(1_000),
  reason: z.string().trim().min(1).max(1_000).optional(),
});

/** Serves `/operations/concurrency`. A change applies to this instance, until it ends. */
export class ConcurrencyRequests {
  constructor(
    private readonly messaging: Messaging,
    private readonly log: (message: string) => void,
  ) {}

  show(): OperationsAnswer {
    const subscriptions = this.messaging.registry
      .subscriptions()
      .map(({ kind, name, concurrency }) => ({ kind, subscription: name, concurrency }));
    return { status: 200, body: { subscriptions } };
  }

  async change(
    [subscription, ...rest]: readonly string[],
    request: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    if (subscription === undefined || rest.length > 0)
      return failed(404, 'there is nothing to change here');
    return refusingBadRequests(async () => {
      const { concurrency, reason } = read(Change, await request.body());
      return this.set(
        subscription,
        concurrency,
        `${request.operator}${reason === undefined ? '' : ` (${reason})`}`,
      );
    });
  }

  private set(subscription: string, concurrency: number, who: string): OperationsAnswer {
    try {
      const before = this.messaging.setConcurrency(subscription, concurrency);
      this.log(
        `${who} lets ${subscription} handle ${concurrency} messages at a time; it was ${before} before`,
      );
      return { status: 200, body: { subscription, before, concurrency } };
    } catch (error) {
      if (error instanceof NoSubscriptionError) return failed(404, error.message);
      throw error;
    }
  }
}
