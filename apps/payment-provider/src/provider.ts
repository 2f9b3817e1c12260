import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { behaviourOf, type CardBehaviour } from './card';
import type { Charge, Ledger, Refund } from './ledger';

export interface ChargeRequest {
  readonly amount: number;
  readonly token: string;
  readonly reference: string;
}

export interface RefundRequest {
  /** The key of the charge. */
  readonly charge: string;
  readonly amount: number;
}

/** The key was used for something else before. */
export class KeyReusedError extends Error {
  override readonly name = 'KeyReusedError';
  constructor(key: string) {
    super(
      `the idempotency key ${key} was used with another body before; take a new key for another request`,
    );
  }
}

/** Try again with the same key. */
export class TryAgainError extends Error {
  override readonly name = 'TryAgainError';
}

/** The request was done, or not, but the answer is never heard. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
  constructor(readonly manner: 'drops' | 'hangs') {
    super(`the answer ${manner}`);
  }
}

export class RefundRefusedError extends Error {
  override readonly name = 'RefundRefusedError';
}

interface Attempt {
  readonly request: ChargeRequest;
  readonly outcome: Promise<Charge>;
}

/** Charges, voids and refunds, each once per key. */
export class Provider {
  private readonly underway = new Map<string, Attempt>();
  private readonly failures = new Map<string, number>();

  constructor(private readonly ledger: Ledger) {}

  /**
   * The same key with the same body is the same charge; asked while it is under way, it waits for
   * that outcome.
   */
  async charge(key: string, request: ChargeRequest): Promise<Charge> {
    const known = this.ledger.charge(key);
    if (known) return this.again(known, request);
    const running = this.underway.get(key);
    if (running)
      return isSame(running.request, request) ? running.outcome : refuse(new KeyReusedError(key));
    const outcome = this.attempt(key, request).finally(() => this.underway.delete(key));
    this.underway.set(key, { request, outcome });
    return outcome;
  }

  /**
   * The state of a key: a charge, one still under way, or undefined when nothing was ever captured,
   * declined or voided for it.
   */
  async find(key: string): Promise<Charge | 'pending' | undefined> {
    const known = this.ledger.charge(key);
    if (known) return this.answerOf(known);
    return this.underway.has(key) ? 'pending' : undefined;
  }

  /**
   * Makes sure that nothing will be captured for a key any more. A charge that was captured or
   * declined before stays and is returned.
   */
  void(key: string): Promise<Charge> {
    const known = this.ledger.charge(key);
    if (known) return this.answerOf(known);
    return this.ledger.record({
      ...entry(key),
      kind: 'charge',
      status: 'voided',
      amount: 0,
      token: '',
      reference: '',
    });
  }

  async refund(key: string, { charge: chargeKey, amount }: RefundRequest): Promise<Refund> {
    const known = this.ledger.refund(key);
    if (known)
      return known.charge === chargeKey && known.amount === amount
        ? this.answerOf(known)
        : refuse(new KeyReusedError(key));
    const charge = this.ledger.charge(chargeKey);
    if (charge?.status !== 'captured')
      throw new RefundRefusedError(`nothing was captured for ${chargeKey}`);
    const left = charge.amount - this.ledger.refundedOf(chargeKey);
    if (amount > left)
      throw new RefundRefusedError(
        `only ${left} of ${charge.amount} are left to refund for ${chargeKey}`,
      );
    return this.ledger.record({
      ...entry(key),
      kind: 'refund',
      charge: chargeKey,
      amount,
      reference: charge.reference,
    });
  }

  private async attempt(key: string, request: ChargeRequest): Promise<Charge> {
    const card = behaviourOf(request.token, key);
    this.failFirst(key, card);
    if (card.takes) await wait(card.takes);
    const charge = card.outcome === 'nothing' ? undefined : await this.settle(key, request, card);
    if (charge?.status !== 'voided' && card.silence) throw new SilenceError(card.silence);
    return charge!;
  }

  /** A key that was voided while the bank was thinking stays voided. */
  private settle(
    key: string,
    request: ChargeRequest,
    { outcome, reason }: CardBehaviour,
  ): Promise<Charge> {
    const voided = this.ledger.charge(key);
    if (voided) return this.answerOf(voided);
    return this.ledger.record({
      ...entry(key),
      kind: 'charge',
      status: outcome as 'captured' | 'declined',
      ...request,
      ...(reason && { reason }),
    });
  }

  private failFirst(key: string, { failsFirst = 0 }: CardBehaviour): void {
    const failed = this.failures.get(key) ?? 0;
    if (failed >= failsFirst) return void this.failures.delete(key);
    this.failures.set(key, failed + 1);
    throw new TryAgainError('the bank cannot be reached right now; try again with the same key');
  }

  private again(known: Charge, request: ChargeRequest): Promise<Charge> {
    return known.status === 'voided' || isSame(known, request)
      ? this.answerOf(known)
      : refuse(new KeyReusedError(known.key));
  }

  private async answerOf<E>(entry: E): Promise<E> {
    await this.ledger.recorded();
    return entry;
  }
}

const entry = (key: string) => ({ key, id: randomUUID(), at: new Date().toISOString() });

const refuse = (error: Error): Promise<never> => Promise.reject(error);

const isSame = (one: ChargeRequest, other: ChargeRequest): boolean =>
  one.amount === other.amount && one.token === other.token && one.reference === other.reference;
