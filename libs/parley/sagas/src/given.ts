import type { Command, Event, Message, MessageInput } from '@parley/contract';
import { idsFor } from './ids';
import type { Definition, StageOf, Timeout, StepResult } from './definition';
import { timeoutName, type Outgoing } from './step';

interface Driven extends Definition {
  running(state: object): readonly Timeout[];
}

/**
 * A saga under test: a state, and the last decision. Every step returns the next one:
 * `given().when(A, a).when(B, b)`.
 */
export class Given<S extends object> {
  constructor(
    private readonly saga: Driven,
    readonly state: S | undefined,
    private readonly at: string,
    readonly done = false,
    /** The messages of the last step. */
    readonly out: readonly Outgoing[] = [],
    /** Why the last message was ignored, if it was. */
    readonly ignored?: 'unknown' | 'duplicate' | 'finished',
    private readonly steps = 0,
  ) {}

  when<C extends Command | Event>(contract: C, message: MessageInput<C>): Given<S> {
    const read = contract.payload.safeParse(message);
    const arrived = (read.success ? read.data : message) as Message<C> & object;
    return this.moved(
      this.saga.take(this.instance(), contract, arrived, this.info(this.saga.keyOf(arrived))),
    );
  }

  /** A timeout runs out; unnamed: the only one that is running. */
  whenTimeout(what?: string | { readonly in: StageOf<S> }, times = 1): Given<S> {
    const running =
      this.state && !this.done ? this.saga.running(this.state).map(({ name }) => name) : [];
    const name = what === undefined ? only(running) : timeoutName(what);
    if (!running.includes(name))
      throw new Error(
        `no timeout "${name}" is running in this state; running: ${running.join(', ') || 'none'}`,
      );
    const info = { ...this.info(this.saga.keyOf(this.state!)), times };
    return this.moved(this.saga.takeTimeout(this.instance()!, name, info));
  }

  /** An operator cancels it. */
  whenCancelled(reason = 'cancelled'): Given<S> {
    const info = { ...this.info(this.saga.keyOf(this.state!)), reason };
    return this.moved(this.saga.takeCancel(this.instance()!, info));
  }

  private moved(turn: StepResult): Given<S> {
    if (turn.ignored)
      return new Given(this.saga, this.state, this.at, this.done, [], turn.ignored, this.steps + 1);
    return new Given(
      this.saga,
      turn.state as S,
      this.at,
      turn.done,
      checked(turn.out),
      undefined,
      this.steps + 1,
    );
  }

  private instance() {
    return this.state && { state: this.state, done: this.done };
  }

  private info(key: string) {
    return { at: this.at, id: idsFor(this.saga.name, key, `step ${this.steps}`) };
  }
}

function only(names: readonly string[]): string {
  if (names.length === 1) return names[0]!;
  throw new Error(`say which timeout: ${names.join(', ') || 'none is running in this state'}`);
}

/** Fails the test for messages that could not be sent. */
function checked(out: readonly Outgoing[]): readonly Outgoing[] {
  for (const outgoing of out)
    if (outgoing.verb !== 'execute') outgoing.contract.payload.parse(outgoing.message);
  return out;
}
