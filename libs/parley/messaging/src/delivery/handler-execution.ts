import { isObservable, lastValueFrom } from 'rxjs';
import { UnrecoverableError } from '../message/failure';
import type { BatchContext, HandlerContext } from '../message/handler-context';
import type { FailpointHook } from '../ports/failpoints';
import type { Tx } from '../ports/tx';
import type { Transactions } from '../sending/transactions';
import type { HandlerRun } from './handler-runs';
import { hasLane, type LaneGuard } from './lane-guard';
import type { BatchItem, OpenedMessage } from './open-message';
import type { Settlement } from './settlement';
import type { TrackedDelivery } from './tracked-delivery';

/** Runs handlers in their transactions, the acknowledgement being the last statement of each. */
export class HandlerExecution {
  constructor(
    private readonly transactions: Transactions,
    private readonly lanes: LaneGuard,
    private readonly settlement: Settlement,
    private readonly passes?: FailpointHook,
  ) {}

  /** Broadcasts and live tails: no transaction except those that the handler opens. */
  async withoutTransaction(run: HandlerRun, { delivery, opened }: BatchItem): Promise<void> {
    const open = this.transactions.run.bind(this.transactions);
    const context = contextOf(run, delivery, opened, open);
    await this.transactions.during(run, () => this.call(run, opened, context));
  }

  /** One message, in one transaction. */
  async inTransaction(run: HandlerRun, item: BatchItem): Promise<void> {
    if (item.opened.handler.options.transaction === 'own') return this.inOwnTransaction(run, item);
    const { delivery, opened } = item;
    await this.transactions.commit(
      async (tx) => {
        if (this.lanes.mustCheck(delivery, opened))
          await this.lanes.assertFree(tx, delivery, opened);
        if (opened.handler.options.batch !== undefined) return this.callBatch(run, [item], tx);
        return this.call(run, opened, contextOf(run, delivery, opened, undefined, tx));
      },
      (tx) => this.settlement.acknowledge(tx, delivery, opened),
      run,
    );
  }

  /** All messages of a batch, in one transaction with all their acknowledgements. */
  async batchInTransaction(run: HandlerRun, items: readonly BatchItem[]): Promise<void> {
    const ordered = inOneOrder(items);
    await this.transactions.commit(
      async (tx) => {
        await this.lanes.assertAllFree(tx, ordered);
        await this.callBatch(run, items, tx);
      },
      (tx) => this.settlement.acknowledgeAll(tx, ordered),
      run,
    );
  }

  /** With `transaction: 'own'`: the handler opens the one transaction when it wants to. */
  private async inOwnTransaction(run: HandlerRun, { delivery, opened }: BatchItem): Promise<void> {
    const acknowledge = (tx: Tx) => this.settlement.acknowledge(tx, delivery, opened);
    // The handler's outside effects cannot be rolled back: its turn must have come before it
    // begins.
    if (hasLane(delivery, opened)) await this.lanes.assertFree(undefined, delivery, opened);
    let committed = false;
    const context = contextOf(run, delivery, opened, async (work) => {
      if (committed)
        throw new UnrecoverableError(
          `${opened.handler.name} commits twice; a handling has one transaction`,
        );
      const result = await this.transactions.commit(work, acknowledge, run);
      committed = true;
      return result;
    });
    await this.transactions.during(run, () => this.call(run, opened, context));
    if (!committed) await this.transactions.commit(async () => undefined, acknowledge, run);
  }

  private callBatch(run: HandlerRun, items: readonly BatchItem[], tx: Tx): Promise<unknown> {
    const { handler } = items[0]!.opened;
    const payload = items.map(({ opened }) => opened.payload);
    return this.call(run, { handler, payload }, batchContextOf(run, items, tx));
  }

  private async call(
    run: HandlerRun,
    { handler, payload }: Pick<OpenedMessage, 'handler' | 'payload'>,
    context: object,
  ): Promise<unknown> {
    run.refuseIfEnded();
    const result: unknown = await handler.run(payload, context);
    const value: unknown = isObservable(result)
      ? await lastValueFrom(result, { defaultValue: undefined })
      : result;
    this.passes?.('handler.returned');
    return value;
  }
}

function contextOf(
  run: HandlerRun,
  delivery: TrackedDelivery,
  { handler, envelope }: OpenedMessage,
  transaction?: HandlerContext<Tx>['transaction'],
  tx?: Tx,
): HandlerContext<Tx> {
  let signal: AbortSignal | undefined;
  return {
    envelope: { ...envelope }, // the handler's own; ours still names the message
    attempt: delivery.attempt,
    get signal() {
      return (signal ??= run.signal([delivery.signal, delivery.cancelled]));
    },
    get tx() {
      if (!tx)
        throw new UnrecoverableError(
          `${handler.name} has no transaction yet; use context.transaction(…)`,
        );
      return tx;
    },
    transaction: transaction ?? (async (work) => work(tx!)),
  };
}

function batchContextOf(run: HandlerRun, items: readonly BatchItem[], tx: Tx): BatchContext<Tx> {
  let signal: AbortSignal | undefined;
  return {
    envelopes: items.map(({ opened }) => ({ ...opened.envelope })),
    get signal() {
      return (signal ??= run.signal(
        items.flatMap(({ delivery }) => [delivery.signal, delivery.cancelled]),
      ));
    },
    tx,
  };
}

/**
 * One order for the items of all batches: batches with the same messages or lanes would otherwise
 * deadlock on their locks.
 */
const inOneOrder = (items: readonly BatchItem[]): readonly BatchItem[] =>
  items.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
const orderOf = ({ opened: { envelope } }: BatchItem): string =>
  `${envelope.partitionkey ?? ''}\n${envelope.id}`;
