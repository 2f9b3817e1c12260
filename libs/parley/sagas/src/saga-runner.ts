import { type Envelope, inConversation, UnrecoverableError } from '@parley/messaging';
import type { Clock, FailpointHook, TransportContext, Tx } from '@parley/messaging/transport';
import type { Contract } from '@parley/contract';
import { idsFor } from './ids';
import { SagaError, stageOf } from './saga';
import type { Definition, Transition, StepResult } from './definition';
import type { DueTimeout, HistoryEntry, SagaStore, StoredSaga } from './saga-store';
import type { SagaDispatcher } from './saga-dispatcher';
import { nameOf } from './step';

/** Takes a saga's steps: state, timeouts and messages are stored by the one transaction given. */
export class SagaRunner {
  constructor(
    private readonly store: SagaStore,
    private readonly dispatcher: SagaDispatcher,
    private readonly clock: Clock,
    private readonly log: TransportContext['log'],
    private readonly passes?: FailpointHook,
  ) {}

  /** A message arrived, for a saga that is there or that it starts. */
  async onMessage(
    tx: Tx,
    saga: Definition,
    contract: Contract,
    message: object,
    envelope: Envelope,
  ): Promise<void> {
    const key = checked(() => saga.keyOf(message));
    const info = { at: this.now(), id: idsFor(saga.name, key, envelope.id) };
    // A start needs no lock: of two that insert the same key one waits, then finds that it is a
    // duplicate.
    const starts = saga
      .triggers()
      .some((trigger) => trigger.starts && trigger.contract.name === contract.name);
    const stored = starts ? undefined : await this.store.load(tx, saga.name, key);
    const turn = checked(() => saga.take(stored, contract, message, info));
    if (turn.ignored) return this.ignore(saga, key, contract.name, turn.ignored);
    if (!turn.changed) return;
    const entry = entryOf(turn, stored, {
      at: info.at,
      trigger: contract.name,
      messageId: envelope.id,
    });
    if (stored) await this.save(tx, saga, stored, turn, entry);
    else if (!(await this.begin(tx, saga, turn, entry, envelope)))
      return this.ignore(saga, key, contract.name, 'duplicate');
    this.passes?.('saga.saved');
    await this.dispatcher.send(turn.out);
  }

  /** A timeout that was claimed in `tx` ran out. */
  async onTimeout(
    tx: Tx,
    saga: Definition,
    timeout: DueTimeout,
    stored: StoredSaga,
  ): Promise<void> {
    const times = timeout.times + 1;
    const info = {
      at: this.now(),
      id: idsFor(saga.name, stored.key, `${timeout.name} ${stored.version}`),
      times,
    };
    const turn = saga.takeTimeout(stored, timeout.name, info);
    if (turn.ignored) return this.ignore(saga, stored.key, timeout.name, turn.ignored);
    await this.save(
      tx,
      saga,
      stored,
      turn,
      entryOf(turn, stored, { at: info.at, trigger: timeout.name }),
      { name: timeout.name, times },
    );
    this.passes?.('saga.saved');
    await inConversation(
      { correlationId: stored.correlationId, traceparent: stored.traceparent },
      () => this.dispatcher.send(turn.out),
    );
  }

  private begin(
    tx: Tx,
    saga: Definition,
    turn: Transition,
    entry: HistoryEntry,
    envelope: Envelope,
  ): Promise<boolean> {
    const { key, done } = turn;
    const arm = turn.arm.map(({ name, after }) => ({ name, after, times: 0 }));
    const { correlationid: correlationId, traceparent } = envelope;
    return this.store.start(tx, {
      name: saga.name,
      key,
      state: saga.stored(turn.state),
      stage: stageOf(turn.state),
      done,
      correlationId,
      traceparent,
      arm,
      entry,
    });
  }

  private save(
    tx: Tx,
    saga: Definition,
    { name, key, version }: StoredSaga,
    turn: Transition,
    entry: HistoryEntry,
    ranOut?: { name: string; times: number },
  ): Promise<void> {
    const { done, disarm } = turn;
    const arm = turn.arm.map((timeout) => ({
      name: timeout.name,
      after: timeout.after,
      times: timeout.name === ranOut?.name ? ranOut.times : 0,
    }));
    return this.store.save(tx, {
      name,
      key,
      version,
      state: saga.stored(turn.state),
      stage: stageOf(turn.state),
      done,
      arm,
      disarm,
      entry,
    });
  }

  private ignore(
    saga: Definition,
    key: string,
    trigger: string,
    why: NonNullable<StepResult['ignored']>,
  ): void {
    if (why === 'unknown' && saga.unknown === 'dead-letter') {
      throw new UnrecoverableError(
        `${trigger} is for ${saga.name} ${key}, which never started; replay it when it did`,
      );
    }
    this.log('debug', `${saga.name} ${key} ignores ${trigger}: ${why}`);
  }

  private now(): string {
    return new Date(this.clock.now()).toISOString();
  }
}

/** A step that breaks the rules breaks them again: the message goes to the dead letters at once. */
function checked<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    throw error instanceof SagaError
      ? new UnrecoverableError(error.message, { cause: error })
      : error;
  }
}

const entryOf = (
  turn: Transition,
  before: StoredSaga | undefined,
  what: Pick<HistoryEntry, 'at' | 'trigger' | 'messageId'>,
): HistoryEntry => ({
  ...what,
  from: before?.stage,
  to: stageOf(turn.state),
  said: turn.out.map(nameOf),
});
