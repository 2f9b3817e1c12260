/*
 * A saga is a process that takes several messages: its state, its starting messages, the meaning of
 * each answer, and its timeouts for missing answers. It is a value and it is pure: steps get
 * everything, time and new ids included, and return everything.
 *
 *   export const trip = saga('trip', { state: Trip, by: 'tripId' })
 *     .startsOn(TripRequested, (trip) => next({ ...trip, stage: 'booking' }, send(BookFlight, { … })))
 *     .on(FlightBooked, (trip) => end({ ...trip, stage: 'booked' }, publish(TripBooked, { … })))
 *     .on(FlightRefused, (trip, { reason }) => end({ ...trip, stage: 'refused' }, execute(new RefuseTrip(trip.tripId, reason))))
 *     .after('2m', { in: 'booking' }, (trip) => next(trip, send(BookFlight, { … })))
 *     .after('15m', 'overdue', (trip) => end({ ...trip, stage: 'refused' }));
 *
 * Correlation: `by` names the field of the state that every trigger carries, too. Its value never
 * changes. Timeouts are durable, and of two sorts:
 *   .after(duration, 'name', step)          once, that long after the start, unless the saga ended before.
 *   .after(duration, { in: 'stage' }, step) that long after the state's `stage` became this, unless it was left before. While
 *                                           the step leaves the saga in the stage it is armed again; `info.times` counts.
 * `.onCancel(step)` says what an operator's cancellation undoes.
 * A message for a saga that never started is ignored, or dead-lettered (`unknown: 'dead-letter'`).
 * A second start is ignored, and so is everything that comes after the end. A finished saga is
 * remembered for `keep` (default 30 days); only then can another one of its key start.
 */
import {
  ContractError,
  hiddenIn,
  milliseconds,
  type PersonalFields,
  type SecretFields,
  wireFormatOf,
  type Command,
  type Contract,
  type Duration,
  type Event,
  type Message,
} from '@parley/contract';
import { InvalidMessageError } from '@parley/messaging';
import { MAX_INDEXED_CHARACTERS, prepare } from '@parley/messaging/transport';
import type { z } from 'zod';
import { Given } from './given';
import { idsFor } from './ids';
import { end, timeoutName, type Step } from './step';
import type {
  StepInfo,
  TimeoutInfo,
  StageOf,
  Trigger,
  Timeout,
  SagaInstance,
  StepResult,
  Transition,
  Definition,
  CancelInfo,
} from './definition';

export interface SagaOptions<Z, K> {
  /**
   * It is stored as JSON: of dates and big integers as `wire` writes them. Timeouts and the console
   * use a field `stage`, if there is one.
   */
  readonly state: Z;
  /** The field of the state, and of every trigger, that tells one saga from another. */
  readonly by: K;
  /** Treatment of a message for a saga that never started. Default 'ignore'. */
  readonly unknown?: 'ignore' | 'dead-letter';
  /** How long a finished saga is remembered. Default 30 days. */
  readonly keep?: Duration;
  /**
   * Personal fields of the state, by path, and the values that people are shown in their place.
   * They are stored as they are.
   */
  readonly personal?: Pick<
    PersonalFields<Z extends z.ZodType ? z.output<Z> : never, never>,
    'fields'
  >;
  /**
   * Secret fields of the state, and the values that replace them once their time is over: they are
   * stored encrypted.
   */
  readonly secret?: SecretFields<Z extends z.ZodType ? z.output<Z> : never>;
}

/** A saga that cannot work, or a step that broke the saga's own rules. Trying again cannot help. */
export class SagaError extends Error {
  override readonly name = 'SagaError';
}

/** Of a step that nobody takes. */
const PROBED_AT = '1970-01-01T00:00:00.000Z';

type StateSchema = z.ZodType<object>;
/** The fields that can tell sagas apart: those that are strings. */
type KeyField<S> = { [F in keyof S]-?: S[F] extends string ? F & string : never }[keyof S];
/** A trigger must carry the saga's key, in the key's own type; otherwise it does not compile. */
type Correlated<C extends Command | Event, S, K extends keyof S> =
  Message<C> extends { readonly [F in K]: S[K] } ? unknown : never;

type AnyStep = (state: never, message: never, info: StepInfo) => Step<object>;
type AnyTimeoutStep = (state: never, info: TimeoutInfo) => Step<object>;
type CancelStep = (state: never, info: CancelInfo) => Step<object>;

export class Saga<S extends object, K extends keyof S & string> implements Definition {
  readonly by: string;
  readonly unknown: 'ignore' | 'dead-letter';
  readonly keep: number;
  readonly hidden: Pick<Contract, 'personal' | 'secret'>;
  private readonly steps = new Map<string, Trigger & { readonly step: AnyStep }>();
  private readonly timeouts = new Map<string, Timeout & { readonly step: AnyTimeoutStep }>();
  private cancelStep?: CancelStep;

  constructor(
    readonly name: string,
    private readonly options: SagaOptions<z.ZodType<S>, K>,
  ) {
    if (!/^[a-z][a-z0-9-]*$/.test(name))
      throw new SagaError(`"${name}" is not a saga's name; write it in lower case with dashes`);
    refuseUnlessJson(name, options.state);
    this.by = options.by;
    this.unknown = options.unknown ?? 'ignore';
    this.keep = milliseconds(options.keep ?? '30d');
    this.hidden = hiddenIn(`saga ${name}`, options.state, options.by, options);
  }

  startsOn<C extends Command | Event>(
    contract: C & Correlated<C, S, K>,
    step: (message: Message<C>, info: StepInfo) => Step<S>,
  ): this {
    return this.add(contract, true, (_none: never, message: never, info) => step(message, info));
  }

  on<C extends Command | Event>(
    contract: C & Correlated<C, S, K>,
    step: (state: S, message: Message<C>, info: StepInfo) => Step<S>,
  ): this {
    return this.add(contract, false, step as AnyStep);
  }

  after(
    duration: Duration,
    what: string | { readonly in: StageOf<S> },
    step: (state: S, info: TimeoutInfo) => Step<S>,
  ): this {
    const name = timeoutName(what);
    if (this.timeouts.has(name))
      throw new SagaError(
        `${this.name}: there are two timeouts "${name}"; keep one, or name the other differently`,
      );
    const stage = typeof what === 'string' ? undefined : what.in;
    this.timeouts.set(name, {
      name,
      after: milliseconds(duration),
      stage,
      step: step as AnyTimeoutStep,
    });
    return this;
  }

  /** The step of a cancellation: it begins to undo what was done. */
  onCancel(step: (state: S, info: CancelInfo) => Step<S>): this {
    if (this.cancelStep)
      throw new SagaError(`${this.name} says twice how it is cancelled; keep one .onCancel(…)`);
    this.cancelStep = step as CancelStep;
    return this;
  }

  /**
   * For tests: this saga in this state (none: not started yet), to apply messages to. Nothing runs
   * but the steps.
   */
  given(state?: S, at = '2026-01-01T00:00:00.000Z'): Given<S> {
    return new Given<S>(this, state, at);
  }

  triggers(): readonly Trigger[] {
    return [...this.steps.values()];
  }

  timeoutNames(): readonly string[] {
    return [...this.timeouts.keys()];
  }

  /** The timeouts that run while the saga is in this state. */
  running(state: object): readonly Timeout[] {
    return [...this.timeouts.values()].filter(
      ({ stage }) => stage === undefined || stage === stageOf(state),
    );
  }

  keyOf(message: object): string {
    const key: unknown = (message as Record<string, unknown>)[this.options.by];
    if (typeof key !== 'string' || key === '')
      throw new SagaError(
        `${this.name}: a message without a ${this.options.by} belongs to no saga`,
      );
    if (key.length > MAX_INDEXED_CHARACTERS || key.includes('\0'))
      throw new SagaError(
        `${this.name}: a ${this.options.by} of ${key.length} characters names no saga; it has at most ${MAX_INDEXED_CHARACTERS}, and no NUL`,
      );
    return key;
  }

  take(
    instance: SagaInstance | undefined,
    contract: Contract,
    message: object,
    info: StepInfo,
  ): StepResult<S> {
    const trigger = this.steps.get(contract.name);
    if (!trigger)
      throw new SagaError(
        `${this.name} has no step for ${contract.name}; add .on(…) or .startsOn(…)`,
      );
    if (instance?.done) return { ignored: 'finished' };
    if (instance && trigger.starts) return { ignored: 'duplicate' };
    if (!instance && !trigger.starts) return { ignored: 'unknown' };
    const before = instance && this.read(instance.state, 'the stored state');
    const step = trigger.step(before as never, message as never, info);
    return this.move(this.keyOf(message), before, step, contract.name);
  }

  takeTimeout(instance: SagaInstance, name: string, info: TimeoutInfo): StepResult<S> {
    const timeout = this.timeouts.get(name);
    if (!timeout) return { ignored: 'unknown' };
    if (instance.done) return { ignored: 'finished' };
    const before = this.read(instance.state, 'the stored state');
    return this.move(this.keyOf(before), before, timeout.step(before as never, info), name);
  }

  get isCancellable(): boolean {
    return this.cancelStep !== undefined;
  }

  takeCancel(instance: SagaInstance, info: CancelInfo): StepResult<S> {
    if (instance.done) return { ignored: 'finished' };
    const before = this.opened(instance.state);
    const step = this.cancelStep?.(before as never, info) ?? end(before);
    return this.move(this.keyOf(before), before, step, 'its cancellation');
  }

  stages(): readonly string[] {
    const { stage } =
      (this.options.state as { shape?: { stage?: { options?: unknown } } }).shape ?? {};
    const options = stage?.options;
    return Array.isArray(options) ? options.filter((one) => typeof one === 'string') : [];
  }

  probe(state: object, contract: Contract): Step<object> | undefined {
    const { by } = this.options;
    const message = { [by]: (state as Record<string, unknown>)[by] };
    const info: StepInfo = { at: PROBED_AT, id: idsFor(this.name, '', 'probe') };
    try {
      return this.steps.get(contract.name)?.step(state as never, message as never, info);
    } catch {
      return undefined;
    }
  }

  opened(state: unknown): S {
    return this.read(state, 'the stored state');
  }

  stored(state: object): object {
    const { name, options } = this;
    if (wireFormatOf(options.state).plain) return state;
    try {
      return prepare(`${name}: the state`, options.state, state).wire as object;
    } catch (cause) {
      throw cause instanceof InvalidMessageError ? new SagaError(cause.message, { cause }) : cause;
    }
  }

  private add(contract: Command | Event, starts: boolean, step: AnyStep): this {
    if (this.steps.has(contract.name))
      throw new SagaError(`${this.name} has two steps for ${contract.name}; keep one`);
    this.steps.set(contract.name, { contract, starts, step });
    return this;
  }

  private move(
    key: string,
    before: S | undefined,
    step: Step<object>,
    trigger: string,
  ): Transition<S> {
    const state = this.read(step.state, `the state after ${trigger}`);
    if (state[this.options.by] !== key) {
      throw new SagaError(
        `${this.name} ${key}: ${trigger} would change ${this.options.by} to "${String(state[this.options.by])}"; the key of a saga stays`,
      );
    }
    return {
      ...step,
      state,
      key,
      ...(step.done ? { arm: [], disarm: [] } : this.timeoutsOf(before, state, trigger)),
    };
  }

  private timeoutsOf(
    before: S | undefined,
    after: S,
    trigger: string,
  ): { arm: Timeout[]; disarm: string[] } {
    const [from, to] = [before && stageOf(before), stageOf(after)];
    const all = [...this.timeouts.values()];
    const begins = ({ stage, name }: Timeout) =>
      stage === undefined ? !before : stage === to && (from !== to || name === trigger);
    const stops = ({ stage }: Timeout) => stage !== undefined && stage === from && from !== to;
    return {
      arm: all.filter(begins).map(({ name, after, stage }) => ({ name, after, stage })),
      disarm: all.filter(stops).map(({ name }) => name),
    };
  }

  private read(state: unknown, what: string): S {
    const read = this.options.state.safeParse(state);
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    throw new SagaError(
      `${this.name}: ${what} is not what the schema says: ${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
}

/** Defines a saga; see the head of this file. */
export const saga = <Z extends StateSchema, const K extends KeyField<z.infer<Z>>>(
  name: string,
  options: SagaOptions<Z, K>,
): Saga<z.infer<Z>, K> =>
  new Saga(name, options as unknown as SagaOptions<z.ZodType<z.infer<Z>>, K>);

export function stageOf(state: object): string | undefined {
  const { stage } = state as { stage?: unknown };
  return typeof stage === 'string' ? stage : undefined;
}

function refuseUnlessJson(name: string, schema: z.ZodType): void {
  try {
    wireFormatOf(schema, 'the state');
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause;
    throw new SagaError(`${name} is stored as JSON: ${cause.message}`);
  }
}
