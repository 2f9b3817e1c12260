import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { isObservable, type Observable } from 'rxjs';
import type { CallContext } from '../../message/handler-context';
import type { Handler } from '../../ports/subscription';

/** Items of an Observable that wait for their reader; more fail the stream. */
const MOST_WAITING = 1_000;

interface Sink {
  /** Resolves when there is room for the next item. */
  write(item: unknown): Promise<void>;
  /** Milliseconds until the first item, and from each to the next. */
  readonly silence?: number;
  /** Ends the stream when it is silent for too long. */
  readonly late: AbortController;
}

/**
 * Runs the handler of a stream and writes what it yields, each item when there is room for it. When
 * the signal is aborted, the handler is told by `return`: a generator that waits at a `yield` runs
 * its `finally`.
 */
export async function produce(
  handler: Handler,
  request: unknown,
  context: CallContext,
  { write, silence, late }: Sink,
): Promise<void> {
  const { signal } = context;
  const silent = () => late.abort(new DeadlineExceededError(handler.contract.name, silence!));
  const listen = () =>
    silence === undefined ? () => undefined : startTimer(silence, silent, { ref: false });
  let stopTimer = listen();
  try {
    for await (const item of await itemsOf(handler, request, context)) {
      stopTimer();
      signal.throwIfAborted();
      await unlessAborted(signal, write(item));
      stopTimer = listen();
    }
  } finally {
    stopTimer();
  }
}

async function itemsOf(
  handler: Handler,
  request: unknown,
  context: CallContext,
): Promise<AsyncIterable<unknown>> {
  const result: unknown = await handler.run(request, context);
  if (isAsyncIterable(result)) return result;
  if (isObservable(result)) return observed(handler, result, context.signal);
  throw new TypeError(`${handler.name} returned no items; write it as an async generator`);
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/**
 * The items of an Observable, which does not wait for its reader. Nest makes an Observable of a
 * generator, too, where the handler has an interceptor.
 */
async function* observed(
  handler: Handler,
  source: Observable<unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const waiting: unknown[] = [];
  let end: { readonly error?: unknown } | undefined;
  let wake = () => undefined as void;
  const over = (how: { readonly error?: unknown }) => {
    end ??= how;
    wake();
  };
  const subscription = source.subscribe({
    next: (item) => {
      if (waiting.push(item) > MOST_WAITING) over({ error: new TooFastError(handler) });
      wake();
    },
    error: (error: unknown) => over({ error }),
    complete: () => over({}),
  });
  const aborted = () => over({ error: signal.reason });
  signal.addEventListener('abort', aborted, { once: true });
  try {
    for (;;) {
      if (end && 'error' in end && end.error instanceof TooFastError) throw end.error;
      const item = waiting.shift();
      if (isAsyncIterable(item)) yield* item;
      else if (item !== undefined) yield item;
      else if (end) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    if ('error' in end) throw end.error;
  } finally {
    subscription.unsubscribe();
    signal.removeEventListener('abort', aborted);
  }
}

class TooFastError extends Error {
  override readonly name = 'TooFastError';
  constructor({ name }: Handler) {
    super(
      `the Observable of ${name} is ${MOST_WAITING} items ahead of its reader, and cannot be held back; write it as an async generator`,
    );
  }
}

/** Rejects as soon as the signal is aborted. */
function unlessAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
