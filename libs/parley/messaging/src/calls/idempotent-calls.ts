import { sleep } from '@parley/resilience';
import type { CallResult } from '../ports/call-transport';
import type { CallContext } from '../message/handler-context';
import { LeaseLostError } from '../message/failure';
import type { IdempotencyLock, KeyedRequest, IdempotencyStore } from '../ports/idempotency-store';
import type { Tx } from '../ports/tx';
import type { Transactions } from '../sending/transactions';

/** Handles a request once; the given transaction stores the reply, too. */
export type HandleOnce = (transaction: CallContext['transaction']) => Promise<CallResult>;

/** Milliseconds beyond the deadline in which a late handler can still commit. */
const GRACE_MS = 5_000;
const LOOK_AGAIN = { first: 20, most: 500 };

/**
 * Handles one call per idempotency key: a repeated call gets the first reply, a concurrent one
 * waits for it. Errors of the contract are replies, too; any other failure frees the key for the
 * next attempt.
 */
export class IdempotentCalls {
  constructor(
    private readonly transactions: Transactions,
    private readonly requests: IdempotencyStore,
  ) {}

  async answer(
    request: KeyedRequest,
    { deadline }: Pick<CallContext, 'deadline'>,
    encoded: (reply: unknown) => Buffer,
    handle: HandleOnce,
  ): Promise<CallResult> {
    for (let wait = LOOK_AGAIN.first; ; wait = Math.min(wait * 2, LOOK_AGAIN.most)) {
      const begun = await this.requests.begin(request, deadline.budget() + GRACE_MS);
      if (begun.state === 'done') return begun.answer;
      if (begun.state === 'conflict') return CONFLICT;
      if (begun.state === 'ours') {
        const answer = await this.handle(begun.claim, encoded, handle);
        if (answer) return answer;
      } else if (deadline.budget() <= wait) return TOO_LATE;
      await sleep(wait);
    }
  }

  /** Returns undefined when another instance took the lock over before the reply was stored. */
  private async handle(
    claim: IdempotencyLock,
    encoded: (reply: unknown) => Buffer,
    handle: HandleOnce,
  ): Promise<CallResult | undefined> {
    let kept: CallResult | undefined;
    const transaction: CallContext['transaction'] = async (work) => {
      let answer!: CallResult;
      const commit = async (tx: Tx) => {
        const reply = await work(tx as never);
        answer = { ok: true, body: encoded(reply) };
        return reply;
      };
      const reply = await this.transactions.commit(commit, (tx) =>
        this.requests.complete(tx, claim, answer),
      );
      kept = answer;
      return reply;
    };
    const answer = await handle(transaction);
    return kept ?? this.keep(claim, answer);
  }

  private async keep(claim: IdempotencyLock, answer: CallResult): Promise<CallResult | undefined> {
    // The handler may still be running: no other instance begins until the lock expires.
    if (!answer.ok && LATE.has(answer.fault.code)) return answer;
    if (!answer.ok && PASSING.has(answer.fault.code))
      return this.requests.release(claim).then(() => answer);
    try {
      await this.requests.complete(undefined, claim, answer);
      return answer;
    } catch (error) {
      if (error instanceof LeaseLostError) return undefined;
      throw error;
    }
  }
}

const LATE = new Set(['deadline-exceeded', 'cancelled']);
/** Faults that another try may not have. */
const PASSING = new Set([
  'unhandled',
  'unavailable',
  'outcome-unknown',
  'invalid-reply',
  'invalid-request',
]);

const CONFLICT: CallResult = {
  ok: false,
  fault: {
    code: 'idempotency-conflict',
    message: 'the idempotency key was used for another request',
  },
};
const TOO_LATE: CallResult = {
  ok: false,
  fault: { code: 'deadline-exceeded', message: 'the same request is still being handled' },
};
