import type { Question } from '@parley/contract';
import { Deadline, DeadlineExceededError, startTimer } from '@parley/resilience';

/**
 * A caller that leaves in the last tenth of its time, or the last 10 ms, leaves because of its
 * deadline: its time began before that of the call here, by the way of the request.
 */
const lastPartOf = (milliseconds: number): number => Math.max(10, milliseconds / 10);

/** The caller does not wait for this reply any more. */
export class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError';
  constructor(contract: string) {
    super(`the caller of ${contract} cancelled it or went away`);
  }
}

/** This instance stops, and the drain ran out of time. */
export class ServerStoppedError extends Error {
  override readonly name = 'ServerStoppedError';
  constructor(contract: string) {
    super(`${contract} was still being answered when this instance stopped`);
  }
}

/** The calls that a server is answering now. */
export class CallsUnderWay {
  private readonly calls = new Set<CallUnderWay>();

  /** @param milliseconds the caller's budget; undefined: it has set none, the contract's counts */
  begin(contract: Question, milliseconds: number = contract.deadline): CallUnderWay {
    const call = new CallUnderWay(contract.name, milliseconds, () => this.calls.delete(call));
    this.calls.add(call);
    return call;
  }

  /** Aborts all of them, because the instance stops. */
  abort(): void {
    for (const call of this.calls) call.stopped();
  }
}

/** A call that is being answered: its signal is aborted by whatever ends it first. */
export class CallUnderWay {
  readonly deadline: Deadline;
  private readonly aborting = new AbortController();
  private readonly stopTimer: () => void;
  /** Answered: what happens to the connection afterwards ends nothing, and costs no error. */
  private isAnswered = false;

  constructor(
    private readonly contract: string,
    private readonly milliseconds: number,
    private readonly onEnd: () => void,
  ) {
    this.deadline = Deadline.within(milliseconds);
    this.stopTimer = startTimer(milliseconds, () => this.late());
  }

  get signal(): AbortSignal {
    return this.aborting.signal;
  }

  /** The caller cancelled, or its connection broke. */
  callerGone(): void {
    if (this.isAnswered) return;
    if (this.deadline.budget() <= lastPartOf(this.milliseconds)) this.late();
    else this.aborting.abort(new CallerGoneError(this.contract));
  }

  stopped(): void {
    this.aborting.abort(new ServerStoppedError(this.contract));
  }

  /** The call was answered. */
  end(): void {
    this.isAnswered = true;
    this.stopTimer();
    this.onEnd();
  }

  private late(): void {
    this.aborting.abort(new DeadlineExceededError(this.contract, this.milliseconds));
  }
}
