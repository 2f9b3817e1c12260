import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from 'typeorm';
import type { FailpointHook } from '../ports/failpoints';
import type { HandlerRun } from '../delivery/handler-runs';
import type { OutgoingMessage } from '../message/message';
import { noteEffect } from '../ports/outage';
import type { Publisher } from './publisher';
import type { Store } from '../ports/store';
import type { Tx } from '../ports/tx';

/** There is no transaction open here, or the service has no database. */
export class NoTransactionError extends Error {
  override readonly name = 'NoTransactionError';
}

/** The surroundings of the current code: a handler, a transaction, both or neither. */
interface Surroundings {
  readonly run?: HandlerRun;
  readonly open?: OpenTransaction;
}

interface OpenTransaction {
  readonly tx: Tx;
  /** Messages sent so far; stored by the transaction's last statements. */
  readonly sent: OutgoingMessage[];
  over: boolean;
}

/**
 * One storage for all instances, with an entry for each that is in use here: Node before version 24
 * copies every storage to every promise of its process, and a test makes many instances.
 */
const surroundings = new AsyncLocalStorage<ReadonlyMap<Transactions, Surroundings>>();

/**
 * The service's transactions. Messages sent while one is open are stored by it, and so leave if and
 * only if it commits.
 */
export class Transactions {
  constructor(
    private readonly store: Store | undefined,
    private readonly publisher: Publisher,
    private readonly passes?: FailpointHook,
  ) {}

  /**
   * Runs `work` in a transaction: the one that is open here, or a new one that commits when `work`
   * resolves.
   */
  async run<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const open = this.joined();
    return open ? work(open.tx as EntityManager) : this.commit(work as (tx: Tx) => Promise<T>);
  }

  /**
   * Runs a new transaction with `acknowledge` as its last statement. Messages are stored after
   * `work` has ended: an event's position in the log must be taken after its key's row is locked.
   * The transaction ends with `run`, the handler that opened it.
   */
  async commit<T>(
    work: (tx: Tx) => Promise<T>,
    acknowledge?: (tx: Tx) => Promise<void>,
    run = this.around()?.run,
  ): Promise<T> {
    run?.refuseIfEnded();
    if (!this.store)
      throw new NoTransactionError('this service has no store; give MessagingModule one');
    const sent: OutgoingMessage[] = [];
    const result = await this.store.transaction(
      async (tx) => {
        const open: OpenTransaction = { tx, sent, over: false };
        try {
          const value = await this.within({ run, open }, () => work(tx));
          this.passes?.('transaction.worked');
          if (sent.length > 0) await this.publisher.join(tx, sent);
          this.passes?.('transaction.stored');
          return value;
        } finally {
          open.over = true;
        }
      },
      acknowledge,
      run,
    );
    noteEffect();
    this.passes?.('transaction.committed');
    if (sent.length > 0) this.publisher.wake(sent);
    return result;
  }

  /** The transaction open here. @throws NoTransactionError */
  current(): EntityManager {
    const open = this.joined();
    if (!open)
      throw new NoTransactionError(
        'no transaction is open here; wrap the work in transactions.run(…)',
      );
    return open.tx as EntityManager;
  }

  isOpen(): boolean {
    return this.joined() !== undefined;
  }

  /** Runs `work` as if no transaction were open. */
  outside<T>(work: () => T): T {
    return this.within({ run: this.around()?.run }, work);
  }

  /** Runs a handler that has no transaction yet: transactions that it opens end with it. */
  during<T>(run: HandlerRun, work: () => T): T {
    return this.within({ run }, work);
  }

  /** Adds a message to the open transaction; false when none is open. */
  join(message: OutgoingMessage): boolean {
    const open = this.joined();
    open?.sent.push(message);
    return open !== undefined;
  }

  private around(): Surroundings | undefined {
    return surroundings.getStore()?.get(this);
  }

  private within<T>(around: Surroundings, work: () => T): T {
    return surroundings.run(new Map(surroundings.getStore()).set(this, around), work);
  }

  private joined(): OpenTransaction | undefined {
    const { run, open } = this.around() ?? {};
    run?.refuseIfEnded();
    if (open?.over)
      throw new NoTransactionError(
        'the transaction this code ran in is over; await everything that a handler starts',
      );
    return open;
  }
}
