import type { Question } from '@parley/contract';
import { ConcurrencyLimit, LoopGuard, type Priority } from '@parley/resilience';
import type { Clock } from '../../clock';
import type { HandlerRegistry } from '../../handlers/handler-registry';
import type { CallResult } from '../../ports/call-transport';

/**
 * The share of a contract's deadline that an answer may take without a limit: a caller has time for
 * a few such calls.
 */
const TOLERABLE_SHARE = 0.25;

/** The limit of one contract, as operations show it. */
export interface CallLimitState {
  readonly contract: string;
  readonly limit: number;
  readonly inFlight: number;
}

/** One admitted call or stream; `answered` is called once, at its end. */
export interface AdmittedCall {
  /** The first item of a stream: the time after it is its reader's. */
  begun(): void;
  answered(): void;
}

/**
 * Decides which calls this process answers, so that those that it answers are in time. A limit for
 * each contract: one that waits for something slow does not displace the others.
 */
export class CallAdmission {
  private readonly limits = new Map<string, ConcurrencyLimit>();
  private readonly loop: LoopGuard;

  constructor(
    private readonly registry: Pick<HandlerRegistry, 'handlerOfCall'>,
    private readonly clock: Pick<Clock, 'elapsed'>,
  ) {
    this.loop = new LoopGuard(clock);
  }

  /** Undefined: the call is refused with `OVERLOADED`. */
  admit(contract: string, priority: Priority): AdmittedCall | undefined {
    const limit = this.limits.get(contract) ?? this.make(contract);
    if (!limit) return FREE;
    const started = this.clock.elapsed();
    if (this.loop.isLate(limit.tolerableMs, started) || !limit.enter(priority)) return undefined;
    let latency: number | undefined;
    return {
      begun: () => void (latency ??= this.clock.elapsed() - started),
      answered: () => {
        const now = this.clock.elapsed();
        limit.leave(latency ?? now - started, now);
      },
    };
  }

  states(): readonly CallLimitState[] {
    return [...this.limits].map(([contract, { current, inFlight }]) => ({
      contract,
      limit: current,
      inFlight,
    }));
  }

  /** Undefined for a contract that is not answered here, or that has no limit. */
  private make(name: string): ConcurrencyLimit | undefined {
    const contract = this.registry.handlerOfCall(name)?.contract as Question | undefined;
    if (!contract?.resilience.limit) return undefined;
    const limit = new ConcurrencyLimit(this.clock, {
      tolerableMs: contract.deadline * TOLERABLE_SHARE,
    });
    this.limits.set(name, limit);
    return limit;
  }
}

const FREE: AdmittedCall = { begun: () => undefined, answered: () => undefined };

/** Nothing was done: another instance may answer, or this one a little later. */
export const OVERLOADED: CallResult = {
  ok: false,
  fault: {
    code: 'overloaded',
    message: 'more calls are under way than can be answered in time; nothing was done',
  },
};
