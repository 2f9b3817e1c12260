import type { Command, Contract, Event } from '@parley/contract';
import type { Step } from './step';

/** Further information for a step, beside the state and the message. */
export interface StepInfo {
  /** When this step is taken, ISO 8601. */
  readonly at: string;
  /** A new UUID: another one for each label, the same one each time this step is taken again. */
  id(label?: string): string;
}

export interface TimeoutInfo extends StepInfo {
  /** How often this timeout ran out by now without the stage being left; 1 the first time. */
  readonly times: number;
}

/** For the step of a cancellation. */
export interface CancelInfo extends StepInfo {
  /** Why, in the words of whoever cancels. */
  readonly reason: string;
}

export type StageOf<S> = S extends { readonly stage: infer Stage extends string } ? Stage : never;

export interface Trigger {
  readonly contract: Command | Event;
  readonly starts: boolean;
}

export interface Timeout {
  /** Names it for good: in the database, in the history. */
  readonly name: string;
  readonly after: number;
  readonly stage?: string;
}

/** A saga's state as it was stored. */
export interface SagaInstance {
  readonly state: unknown;
  readonly done: boolean;
}

/** The effect of one message or timeout on a saga. */
export type StepResult<S = object> =
  { readonly ignored: 'unknown' | 'duplicate' | 'finished' } | Transition<S>;

export interface Transition<S = object> extends Step<S> {
  readonly ignored?: undefined;
  readonly key: string;
  /** Timeouts that start to run, and those that stop. A saga that is done has none. */
  readonly arm: readonly Timeout[];
  readonly disarm: readonly string[];
}

/** A saga as the runner sees it; `saga()` makes it with all its types. */
export interface Definition {
  readonly name: string;
  /** The field of the state, and of every message, that names it. */
  readonly by: string;
  readonly unknown: 'ignore' | 'dead-letter';
  readonly keep: number;
  /** Fields of its state that people are not shown. */
  readonly hidden: Pick<Contract, 'personal' | 'secret'>;
  triggers(): readonly Trigger[];
  timeoutNames(): readonly string[];
  keyOf(message: object): string;
  take(
    instance: SagaInstance | undefined,
    contract: Contract,
    message: object,
    info: StepInfo,
  ): StepResult;
  takeTimeout(instance: SagaInstance, name: string, info: TimeoutInfo): StepResult;
  /** True when it says how it is cancelled. */
  readonly isCancellable: boolean;
  /** Undoes what was done; where the saga does not say how, it ends as it is. */
  takeCancel(instance: SagaInstance, info: CancelInfo): StepResult;
  /** The stages that its schema lists, in their order. */
  stages(): readonly string[];
  /**
   * What a message would do, of which only the key is known: steps are pure, so nothing happens.
   * Undefined: the step needs to know more.
   */
  probe(state: object, contract: Contract): Step<object> | undefined;
  /** A stored state as steps see it. @throws SagaError */
  opened(state: unknown): object;
  /** A state as JSON holds it. @throws SagaError for one that would be read again as another one */
  stored(state: object): object;
}
