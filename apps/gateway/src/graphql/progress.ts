import type { Observable, Subscription } from 'rxjs';
import { problem, ProblemError } from '@parley/service';
import { callerWithOrders, type EdgeContext } from './context';

/** The most values that wait for one reader; an order has about ten. */
const WAITING = 100;

const SLOW = problem(429, 'This reader is too slow', 'Read the order, and subscribe again.');

/** The progress of an order after entry number `after`. @throws ProblemError, CallError */
export async function progressOf(
  context: EdgeContext,
  id: string,
  after: number,
): Promise<AsyncGenerator<unknown, void, void>> {
  const { orders, feed, signal } = context;
  const caller = await callerWithOrders(context);
  const order = await orders.get(caller, id, { signal });
  return new Values(
    feed.follow(order, Math.max(0, after), caller.left),
    ({ type, data }) => (type === 'progress' ? data : undefined),
    WAITING,
  );
}

/**
 * The values of an observable for one reader. Unlike in an async generator function, `return` ends
 * the subscription at once, also while the reader waits for a value.
 */
class Values<T> implements AsyncGenerator<unknown, void, void> {
  private readonly waiting: unknown[] = [];
  private readonly subscription: Subscription;
  private isOver = false;
  private failure?: { readonly error: unknown };
  private wake?: () => void;

  /**
   * @param pick the value for the reader; undefined leaves one out
   * @param most the most values that wait; with more, the reader gets an error
   */
  constructor(source: Observable<T>, pick: (value: T) => unknown, most: number) {
    this.subscription = source.subscribe({
      next: (value) => {
        const picked = pick(value);
        if (picked === undefined || this.isOver) return;
        this.waiting.push(picked);
        if (this.waiting.length > most) this.fail(new ProblemError(SLOW));
        this.wake?.();
      },
      error: (error: unknown) => this.fail(error),
      complete: () => this.end(),
    });
    if (this.isOver) this.subscription.unsubscribe(); // it ended before there was a subscription
  }

  async next(): Promise<IteratorResult<unknown, void>> {
    while (this.waiting.length === 0 && !this.isOver)
      await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure) throw this.failure.error;
    if (this.waiting.length > 0) return { done: false, value: this.waiting.shift() };
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<unknown, void>> {
    this.waiting.length = 0;
    this.end();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<unknown, void>> {
    this.end();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private fail(error: unknown): void {
    this.failure = { error };
    this.end();
  }

  private end(): void {
    this.isOver = true;
    this.subscription?.unsubscribe();
    this.wake?.();
  }
}
