import type { ChargePayment } from '@contracts/payments';
import { UnrecoverableError } from '@parley/messaging';
import { z } from 'zod';
import { chargeKey, refundKey, type ChargeResult, type RefundResult } from './payment';
import {
  OutcomeUnknownError,
  type ProviderAnswer,
  type ProviderConnection,
} from './provider-connection';

/** The provider's record of a key, as far as we read it. */
const Charge = z.discriminatedUnion('status', [
  z.object({ status: z.literal('captured'), id: z.string(), amount: z.int() }),
  z.object({ status: z.literal('declined'), reason: z.string().default('declined') }),
  z.object({ status: z.literal('voided') }),
  z.object({ status: z.literal('pending') }),
]);
type Charge = z.infer<typeof Charge>;

/** It understood us and refuses: trying again cannot help, a person must look. */
export class ProviderRefusedError extends UnrecoverableError {
  override readonly name = 'ProviderRefusedError';
  constructor(what: string, { status, body }: ProviderAnswer) {
    super(`the payment provider refuses ${what} with ${status}: ${JSON.stringify(body)}`);
  }
}

const UNKNOWN = 'outcome unknown, not captured';

/**
 * Charges and refunds once per order, however often it is called and even when answers are lost.
 * Never call it inside a transaction.
 */
export class PaymentProvider {
  constructor(private readonly connection: ProviderConnection) {}

  async charge(
    { orderId, amount, token }: ChargePayment,
    signal: AbortSignal,
  ): Promise<ChargeResult> {
    const key = chargeKey(orderId);
    try {
      const answer = await this.connection.ask('POST', '/charges', {
        key,
        body: { amount, token, reference: orderId },
        signal,
      });
      return resultOf(read(`charge ${key}`, answer, [201, 402]));
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) throw error;
      return resultOf(await this.settle(key, signal));
    }
  }

  /** Refunds the captured amount, and makes sure that nothing will be captured any more. */
  async refund(orderId: string, signal: AbortSignal): Promise<RefundResult> {
    const charge = await this.void(chargeKey(orderId), signal);
    if (charge.status !== 'captured') return { amount: 0 };
    const body = { charge: chargeKey(orderId), amount: charge.amount };
    const answer = await this.connection.ask('POST', '/refunds', {
      key: refundKey(orderId),
      body,
      signal,
    });
    if (answer.status !== 201)
      throw new ProviderRefusedError(`refund of ${chargeKey(orderId)}`, answer);
    return { amount: charge.amount, reference: charge.id };
  }

  /**
   * Looks up a charge with an unknown outcome. If the provider does not know it either, voids the
   * key: that returns a charge that came in meanwhile, or shuts the key.
   */
  private async settle(key: string, signal: AbortSignal): Promise<Charge> {
    const answer = await this.connection.ask('GET', `/charges?key=${encodeURIComponent(key)}`, {
      signal,
    });
    const found = answer.status === 404 ? undefined : read(`look-up of ${key}`, answer, [200]);
    return found?.status === 'captured' || found?.status === 'declined'
      ? found
      : this.void(key, signal);
  }

  private async void(key: string, signal: AbortSignal): Promise<Charge> {
    return read(
      `void of ${key}`,
      await this.connection.ask('POST', '/charges/void', { body: { key }, signal }),
      [200],
    );
  }
}

function read(what: string, answer: ProviderAnswer, expected: readonly number[]): Charge {
  const charge = Charge.safeParse(answer.body);
  if (!expected.includes(answer.status) || !charge.success)
    throw new ProviderRefusedError(what, answer);
  return charge.data;
}

function resultOf(charge: Charge): ChargeResult {
  if (charge.status === 'captured')
    return { status: 'captured', amount: charge.amount, reference: charge.id };
  return { status: 'declined', reason: charge.status === 'declined' ? charge.reason : UNKNOWN };
}
