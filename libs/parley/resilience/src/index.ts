export { Bulkhead } from './bulkhead';
export {
  CIRCUIT_BREAKER,
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitPermit,
  type CircuitState,
  type RequestOutcome,
} from './circuit-breaker';
export { ConcurrencyLimit, type ConcurrencyLimitOptions, type Priority } from './concurrency-limit';
export { Deadline, DeadlineExceededError } from './deadline';
export { type ElapsedClock, processClock } from './elapsed-clock';
export { hedged } from './hedge';
export { jittered } from './jitter';
export { Latencies } from './latencies';
export { LoopGuard } from './loop-guard';
export { RecentReplies } from './recent-replies';
export { RetryBudget, type RetryBudgetOptions } from './retry-budget';
export { SlidingWindow } from './sliding-window';
export { abortAfter, sleep, startTimer, type TimerOptions } from './timer';
