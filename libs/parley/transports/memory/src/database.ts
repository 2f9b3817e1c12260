import { AsyncLocalStorage } from 'node:async_hooks';
import {
  refuseConflict,
  systemClock,
  type Clock,
  type Ending,
  type Tx,
} from '@parley/messaging/transport';

/** A transaction over objects in memory: each change registers how to undo it. */
export class MemoryTx {
  private readonly undos: (() => void)[] = [];
  private readonly afterwards: (() => void)[] = [];
  private over = false;

  /**
   * Registers a function that is called if the transaction is rolled back, the latest first.
   * @throws Error, after undoing at once, if the transaction is over already
   */
  undo(change: () => void): void {
    if (!this.over) return void this.undos.push(change);
    change();
    throw new Error('the transaction is over');
  }

  /** Registers a function that is called once the transaction has committed. */
  committed(notify: () => void): void {
    this.afterwards.push(notify);
  }

  /** @internal */
  rollBack(): void {
    this.over = true;
    for (const undo of this.undos.reverse()) undo();
  }

  /** @internal */
  commit(): void {
    this.over = true;
    for (const notify of this.afterwards) notify();
  }
}

/** A transaction was begun inside another one of the same store: it would wait for itself. */
export class NestedTransactionError extends Error {
  override readonly name = 'NestedTransactionError';
  constructor() {
    super(
      'a transaction of this MemoryStore is open here, and it runs one at a time; use the open one, or begin the other after it',
    );
  }
}

/**
 * The turns that the current code is part of, one for each database. One storage for all databases:
 * Node before version 24 copies every storage to every promise of its process.
 */
const turns = new AsyncLocalStorage<ReadonlyMap<MemoryDatabase, { over: boolean }>>();

/**
 * In-memory fake of a database: transactions that run one at a time, so that none sees another's
 * uncommitted changes, and the ids of the messages that took effect.
 */
export class MemoryDatabase {
  /** Fingerprints of the messages that took effect, by subscription and id. */
  private readonly handled = new Map<string, string | undefined>();
  private readonly handledAt = new Map<string, number>();
  private last: Promise<unknown> = Promise.resolve();
  /** Transactions that wait or run. */
  protected waitingTurns = 0;

  /**
   * `window`: milliseconds for which the inbox keeps the ids of handled messages. Default 7 days.
   */
  constructor(
    readonly clock: Clock = systemClock,
    private readonly window = 7 * 86_400_000,
  ) {}

  transaction<T>(
    work: (tx: Tx) => Promise<T>,
    last?: (tx: Tx) => Promise<void>,
    ending?: Ending,
  ): Promise<T> {
    const goOn = ending?.pause();
    return this.turn(async () => {
      goOn?.();
      const tx = new MemoryTx();
      const whole = async () => {
        const result = await work(tx);
        await last?.(tx);
        return result;
      };
      try {
        const result = await (ending ? untilEnded(ending, whole) : whole());
        tx.commit();
        return result;
      } catch (error) {
        tx.rollBack();
        throw error;
      }
    });
  }

  /** Runs `work` after the earlier turns: none sees its partial changes. */
  turn<T>(work: () => T | Promise<T>): Promise<T> {
    const outer = turns.getStore();
    if (outer?.get(this)?.over === false) return Promise.reject(new NestedTransactionError());
    const turn = { over: false };
    this.waitingTurns++;
    const result = this.last
      .then(() => turns.run(new Map(outer).set(this, turn), work))
      .finally(() => {
        turn.over = true;
        this.waitingTurns--;
      });
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Runs `work` in the given transaction, or in one of its own. */
  within<T>(tx: Tx | undefined, work: (tx: MemoryTx) => T): Promise<T> {
    return tx
      ? Promise.resolve(work(tx as MemoryTx))
      : this.transaction(async (own) => work(own as MemoryTx));
  }

  wasHandled(subscription: string, messageId: string | undefined): boolean {
    return this.handled.has(`${subscription}\n${messageId}`);
  }

  /**
   * Forgets messages handled longer ago than this, in milliseconds: a copy that comes now takes
   * effect again.
   */
  forget(olderThan = this.window): void {
    for (const [entry, at] of this.handledAt) {
      if (at >= this.clock.now() - olderThan) return;
      this.handledAt.delete(entry);
      this.handled.delete(entry);
    }
  }

  /**
   * Records that a message took effect. Returns false when it is recorded already.
   * @throws IdConflictError when another message is recorded under the id
   */
  handle(tx: Tx, subscription: string, messageId: string, print?: string): boolean {
    this.forget();
    const entry = `${subscription}\n${messageId}`;
    refuseConflict(messageId, this.handled.get(entry), print);
    if (this.handled.has(entry)) return false;
    this.handled.set(entry, print);
    this.handledAt.delete(entry); // moves a repeated entry to the end
    this.handledAt.set(entry, this.clock.now());
    (tx as MemoryTx).undo(() => this.handled.delete(entry));
    return true;
  }
}

/** Resolves to the result of `work`; rejects when `ending` ends before. */
function untilEnded<T>(ending: Ending, work: () => Promise<T>): Promise<T> {
  if (ending.ended) return Promise.reject(ending.ended);
  return new Promise((resolve, reject) => {
    const forget = ending.onEnd(() => reject(ending.ended));
    work().then(resolve, reject).finally(forget);
  });
}
