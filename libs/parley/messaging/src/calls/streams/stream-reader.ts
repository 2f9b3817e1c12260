import type { Stream } from '@parley/contract';
import type { CallFault, Items } from '../../ports/call-transport';

interface Reading<Item> {
  /** Called once, when the first item is asked for. */
  open(signal: AbortSignal): Promise<Items>;
  errorOf(fault: CallFault): Error;
  /** @throws CallError for an item that breaks the contract */
  read(item: Buffer): Item;
  /** Called once. @param error undefined: it was read to its end */
  ended(error?: unknown): void;
}

/** The caller did not read to the end. */
class CancelledError extends Error {
  override readonly name = 'cancelled';
  constructor({ name }: Stream) {
    super(`${name} was not read to its end`);
  }
}

/**
 * A stream as its caller reads it. `return`, which a loop calls that is left, ends it at once, also
 * while an item is waited for.
 */
export class StreamReader<Item> implements AsyncIterableIterator<Item> {
  private opened?: Promise<Items>;
  private isOver = false;
  private last: Promise<unknown> = Promise.resolve();
  private readonly left = new AbortController();

  constructor(
    private readonly contract: Stream,
    private readonly reading: Reading<Item>,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Readers that do not wait for one item before they ask for the next get them in order. */
  next(): Promise<IteratorResult<Item>> {
    const turn = this.last.then(() => this.read());
    this.last = turn.catch(() => undefined);
    return turn;
  }

  async return(): Promise<IteratorResult<Item>> {
    this.leave();
    return DONE;
  }

  async throw(error?: unknown): Promise<IteratorResult<Item>> {
    this.leave();
    throw error;
  }

  private async read(): Promise<IteratorResult<Item>> {
    if (this.isOver) return DONE;
    try {
      this.opened ??= this.reading.open(this.left.signal);
      const items = await this.opened;
      const part = await items.next();
      if (this.isOver) return DONE;
      if (part.item !== undefined) return { done: false, value: this.reading.read(part.item) };
      if (part.fault) throw this.reading.errorOf(part.fault);
    } catch (error) {
      if (this.isOver) return DONE;
      this.end(error);
      throw error;
    }
    this.end();
    return DONE;
  }

  private leave(): void {
    if (this.isOver) return;
    // What was never opened has not begun.
    if (this.opened) this.end(new CancelledError(this.contract));
    this.isOver = true;
  }

  private end(error?: unknown): void {
    this.isOver = true;
    this.reading.ended(error);
    this.left.abort(error);
  }
}

const DONE = { done: true, value: undefined } as const;
