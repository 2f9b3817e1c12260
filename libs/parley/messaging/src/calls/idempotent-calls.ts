import { sleep } from '@parley/resilience';
import type { CallResult } from '../ports/call-transport';
import type { CallContext } from '../message/handler-context';
import { LeaseLostError } from '../message/failure';
import type { IdempotencyLock, KeyedRequest, IdempotencyStore } from '../ports/idempotency-store';
import type { Tx } from '../ports/tx';
import type { Transactions } from '../sending/transactions';

/** Handles a request once; the transaction it is given keeps the answer, too. */
export type HandleOnce = (transaction: CallContext['transaction']) => Promise<CallResult>;

/** Beyond the deadline, so that whoever is late can still commit. */
const GRACE = 5_000;
const LOOK_AGAIN = { first: 20, most: 500 };

/**
 * Answers each request under an idempotency key once: who comes second gets the first answer, who
 * comes meanwhile waits for it. Errors that the contract promises are answers, too; anything else
 * leaves the key free for the next attempt.
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
      const begun = await this.requests.begin(request, deadline.budget() + GRACE);
      if (begun.state === 'done') return begun.answer;
      if (begun.state === 'conflict') return CONFLICT;
      if (begun.state === 'ours') {
        const answer = await this.handle(begun.claim, encoded, handle);
        if (answer) return answer;
      } else if (deadline.budget() <= wait) return TOO_LATE;
      await sleep(wait);
    }
  }

  /** Undefined: the claim was somebody else's before the answer was kept. */
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
    // The handler may still be at it: until the claim runs out, nobody else begins.
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
/** What may be otherwise the next time. */
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
