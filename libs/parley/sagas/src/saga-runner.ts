import {
  type Conversation,
  type Envelope,
  inConversation,
  UnrecoverableError,
} from '@parley/messaging';
import type {
  Clock,
  FailpointHook,
  SpanAttributes,
  TraceContext,
  Tracing,
  TransportContext,
  Tx,
} from '@parley/messaging/transport';
import { keyHash } from '@parley/messaging/transport';
import type { Contract } from '@parley/contract';
import { idsFor } from './ids';
import { SagaError, stageOf } from './saga';
import type { Definition, Transition, StepResult } from './definition';
import type { DueTimeout, HistoryEntry, SagaStore, StoredSaga } from './saga-store';
import type { SagaDispatcher } from './saga-dispatcher';
import { changesOf } from './state-changes';
import { nameOf } from './step';

/** A message for a saga. */
export interface SagaMessage {
  readonly message: object;
  readonly envelope: Envelope;
}

/** A message with the key of its saga. */
interface Arrived extends SagaMessage {
  readonly key: string;
}

/** The effect of a message on its saga, which is not stored when the message starts it. */
interface SagaStep extends Pick<Arrived, 'key' | 'envelope'> {
  readonly turn: Transition;
  /** The new state, as it is stored. */
  readonly state: object;
  readonly stored: StoredSaga | undefined;
  readonly entry: HistoryEntry;
}

/** The effect on a saga that is stored, of a message or of a timeout that ran out. */
interface Change extends Pick<SagaStep, 'turn' | 'state' | 'entry'> {
  readonly stored: StoredSaga;
  readonly ranOut?: { readonly name: string; readonly times: number };
  /** How often the timeouts that are armed again ran out before. */
  readonly times?: Readonly<Record<string, number>>;
}

/** Takes a saga's steps: state, timeouts and messages are stored by the one transaction given. */
export class SagaRunner {
  constructor(
    private readonly store: SagaStore,
    private readonly dispatcher: SagaDispatcher,
    private readonly clock: Clock,
    private readonly log: TransportContext['log'],
    private readonly passes?: FailpointHook,
    private readonly tracing?: Tracing,
  ) {}

  /**
   * Messages of one contract arrived, for sagas that are there or that they start. Of two messages
   * for one saga the second sees the effect of the first.
   */
  async onMessages(
    tx: Tx,
    saga: Definition,
    contract: Contract,
    messages: readonly SagaMessage[],
  ): Promise<void> {
    const arrived = messages.map(({ message, envelope }) => ({
      message,
      envelope,
      key: checked(() => saga.keyOf(message)),
    }));
    for (const round of roundsOf(arrived)) await this.takeRound(tx, saga, contract, round);
  }

  /** Each message is for a saga of its own: loaded, stored and sent in one statement each. */
  private async takeRound(
    tx: Tx,
    saga: Definition,
    contract: Contract,
    arrived: readonly Arrived[],
  ): Promise<void> {
    // A start needs no lock: of two that insert the same key one waits, then finds that it is a
    // duplicate.
    const starts = saga
      .triggers()
      .some((trigger) => trigger.starts && trigger.contract.name === contract.name);
    const stored = starts
      ? NONE
      : await this.store.load(
          tx,
          saga.name,
          arrived.map(({ key }) => key),
        );
    const steps = arrived.flatMap((one) => this.step(saga, contract, one, stored.get(one.key)));
    if (steps.length === 0) return;
    const begun = starts ? await this.begin(tx, saga, steps) : undefined;
    if (!starts) await this.save(tx, steps.map(changeOf));
    this.passes?.('saga.saved');
    for (const { turn, envelope, key, entry } of steps) {
      if (begun?.has(key) === false) {
        this.ignore(saga, key, contract.name, 'duplicate');
        continue;
      }
      this.tracing?.note('parley.saga.step', stepAttributes(saga, key, turn, entry));
      await inConversation(hopOf(envelope), () => this.dispatcher.send(turn.out));
    }
  }

  /** The step that a message takes, if it changes anything. */
  private step(
    saga: Definition,
    contract: Contract,
    { key, message, envelope }: Arrived,
    stored: StoredSaga | undefined,
  ): SagaStep[] {
    const info = { at: this.now(), id: idsFor(saga.name, key, envelope.id) };
    const turn = checked(() => saga.take(stored, contract, message, info));
    if (turn.ignored) this.ignore(saga, key, contract.name, turn.ignored);
    if (turn.ignored || !turn.changed) return [];
    const cause = { at: info.at, trigger: contract.name, messageId: envelope.id };
    return [{ ...effectOf(saga, turn, stored, cause), key, envelope, stored }];
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
    const effect = effectOf(saga, turn, stored, { at: info.at, trigger: timeout.name });
    await this.save(tx, [{ ...effect, stored, ranOut: { name: timeout.name, times } }]);
    this.passes?.('saga.saved');
    const { correlationId, traceparent } = stored;
    const send = (trace: TraceContext) =>
      inConversation({ correlationId, ...trace }, () => this.dispatcher.send(turn.out));
    if (!this.tracing) return send({ traceparent });
    const span = this.tracing.work(
      `timeout ${saga.name}`,
      {
        ...stepAttributes(saga, stored.key, turn, effect.entry),
        'parley.saga.timeout': timeout.name,
        'parley.sample': true,
      },
      { traceparent },
    );
    await span.run(() => send(span.context)).finally(() => span.end());
  }

  /**
   * An operator's repair takes a step of a saga that was loaded in `tx`: it is stored as any other
   * step, under the same check of its version.
   */
  async onRepair(
    tx: Tx,
    saga: Definition,
    stored: StoredSaga,
    turn: Transition,
    cause: Pick<HistoryEntry, 'trigger' | 'who' | 'reason'>,
    times?: Change['times'],
  ): Promise<void> {
    const effect = effectOf(saga, turn, stored, { at: this.now(), ...cause });
    await this.save(tx, [{ ...effect, stored, times }]);
    const { correlationId, traceparent } = stored;
    await inConversation({ correlationId, traceparent }, () => this.dispatcher.send(turn.out));
  }

  private begin(
    tx: Tx,
    saga: Definition,
    steps: readonly SagaStep[],
  ): Promise<ReadonlySet<string>> {
    return this.store.start(
      tx,
      steps.map(({ turn, state, envelope, entry }) => ({
        name: saga.name,
        key: turn.key,
        state,
        stage: stageOf(turn.state),
        done: turn.done,
        correlationId: envelope.correlationid,
        traceparent: envelope.traceparent,
        arm: turn.arm.map(({ name, after }) => ({ name, after, times: 0 })),
        entry,
      })),
    );
  }

  private save(tx: Tx, changes: readonly Change[]): Promise<void> {
    return this.store.save(
      tx,
      changes.map(({ turn, state, stored: { name, key, version }, entry, ranOut, times = {} }) => ({
        name,
        key,
        version,
        state,
        stage: stageOf(turn.state),
        done: turn.done,
        arm: turn.arm.map((timeout) => ({
          name: timeout.name,
          after: timeout.after,
          times: timeout.name === ranOut?.name ? ranOut.times : (times[timeout.name] ?? 0),
        })),
        disarm: turn.disarm,
        entry,
      })),
    );
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

function effectOf(
  saga: Definition,
  turn: Transition,
  before: StoredSaga | undefined,
  cause: Pick<HistoryEntry, 'at' | 'trigger' | 'messageId' | 'who' | 'reason'>,
): Pick<SagaStep, 'turn' | 'state' | 'entry'> {
  const state = checked(() => saga.stored(turn.state));
  const entry = {
    ...cause,
    from: before?.stage,
    to: stageOf(turn.state),
    said: turn.out.map(nameOf),
    ...(before && { changes: changesOf(saga, before.state, state) }),
  };
  return { turn, state, entry };
}

const stepAttributes = (
  { name }: Definition,
  key: string,
  { done }: Transition,
  { from = '', to, trigger }: HistoryEntry,
): SpanAttributes => ({
  'parley.saga.name': name,
  'parley.saga.key_hash': keyHash(key),
  'parley.saga.from': from,
  'parley.saga.to': to ?? '',
  'parley.saga.trigger': trigger,
  'parley.saga.done': done,
});

/** Rounds in which each saga has one message; those of one saga follow each other. */
function roundsOf(arrived: readonly Arrived[]): readonly (readonly Arrived[])[] {
  const rounds: Arrived[][] = [];
  const taken = new Map<string, number>();
  for (const one of arrived) {
    const round = taken.get(one.key) ?? 0;
    taken.set(one.key, round + 1);
    (rounds[round] ??= []).push(one);
  }
  return rounds;
}

const NONE: ReadonlyMap<string, StoredSaga> = new Map();

const changeOf = ({ stored, ...step }: SagaStep): Change => ({ ...step, stored: stored! });

/** What a step sends follows from its own message, not from the others of the batch. */
const hopOf = (envelope: Envelope): Conversation => ({
  correlationId: envelope.correlationid,
  traceparent: envelope.traceparent,
  tracestate: envelope.tracestate,
  messageId: envelope.id,
  contract: envelope.type,
  priority: envelope.priority,
});
