import type { Question } from '@parley/contract';
import {
  Bulkhead,
  CircuitBreaker,
  type CircuitState,
  Latencies,
  RecentReplies,
  type RetryBudget,
} from '@parley/resilience';
import type { Clock } from '../../clock';

/** Replies kept per contract for the time when its owner is away, and bytes of each. */
const MAX_STALE_REPLIES = 100;
const MAX_STALE_BYTES = 65_536;

/** The state of a caller towards one contract of one owner; made at its first call. */
export class CallTarget {
  readonly breaker?: CircuitBreaker;
  readonly bulkhead?: Bulkhead;
  /** Shared by the contracts of one owner. */
  readonly budget?: RetryBudget;
  /** Kept for a contract that is hedged. */
  readonly latencies?: Latencies;
  private readonly replies?: RecentReplies<Buffer>;

  constructor(
    readonly contract: Question,
    clock: Clock,
    /** Undefined: no policy is applied. */
    budget: RetryBudget | undefined,
    circuitChanged: (state: 'open' | 'closed') => void,
  ) {
    if (!budget) return;
    const { circuitBreaker, bulkhead, hedge, stale } = contract.resilience;
    this.budget = budget;
    this.bulkhead = new Bulkhead(bulkhead);
    if (circuitBreaker) this.breaker = new CircuitBreaker(clock, {}, circuitChanged);
    if (hedge) this.latencies = new Latencies();
    if (stale !== undefined) this.replies = new RecentReplies(clock, MAX_STALE_REPLIES);
  }

  get circuit(): CircuitState {
    return this.breaker?.state ?? 'closed';
  }

  /** Keeps a reply for a time when there is none. */
  noteReply(request: Buffer, reply: Buffer): void {
    if (!this.replies || request.length + reply.length > MAX_STALE_BYTES) return;
    this.replies.note(request.toString('latin1'), reply);
  }

  staleReply(request: Buffer): Buffer | undefined {
    const { stale } = this.contract.resilience;
    return stale === undefined ? undefined : this.replies?.of(request.toString('latin1'), stale);
  }
}
