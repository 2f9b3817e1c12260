import type { Clock } from '../clock';
import type { RegisteredSubscription } from '../ports/subscription';
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type Pause,
  type Permit,
} from './circuit-breaker';

const DEFAULT: CircuitBreakerOptions = {
  failureRatio: 0.5,
  minimumThroughput: 20,
  samplingWindow: '10s',
  breakDuration: '1s',
  maxBreakDuration: '30s',
};

/** A subscription that is paused, and why. */
export interface Paused extends Pause {
  readonly kind: RegisteredSubscription['kind'];
  readonly subscription: string;
}

/** The permit of all messages where circuit breakers are switched off. */
const FREE_PERMIT: Permit = {
  succeeded: () => undefined,
  failed: () => false,
  undecided: () => undefined,
};

/** The circuit breakers of a process, one for each subscription. */
export class CircuitBreakers {
  private readonly options?: CircuitBreakerOptions;
  private readonly breakers = new Map<RegisteredSubscription, CircuitBreaker>();
  private stopped = false;

  constructor(
    options: Partial<CircuitBreakerOptions> | false | undefined,
    private readonly clock: Clock,
    private readonly log: (level: 'info' | 'error', message: string) => void,
  ) {
    if (options !== false) this.options = { ...DEFAULT, ...options };
  }

  /** @see CircuitBreaker.acquire */
  acquire(
    subscription: RegisteredSubscription,
    ...signals: readonly AbortSignal[]
  ): Permit | undefined | Promise<Permit | undefined> {
    if (!this.options) return FREE_PERMIT;
    const breaker = this.breakers.get(subscription) ?? this.make(subscription, this.options);
    return breaker.acquire(...signals);
  }

  isPaused(subscription: RegisteredSubscription): boolean {
    return this.breakers.get(subscription)?.paused !== undefined;
  }

  paused(): readonly Paused[] {
    return [...this.breakers].flatMap(([{ kind, name }, { paused }]) =>
      paused ? [{ kind, subscription: name, ...publicPartOf(paused) }] : [],
    );
  }

  /** Messages that wait are given back, so that a drain need not wait for them. */
  stop(): void {
    this.stopped = true;
    for (const one of this.breakers.values()) one.stop();
  }

  private make(
    subscription: RegisteredSubscription,
    options: CircuitBreakerOptions,
  ): CircuitBreaker {
    const made = new CircuitBreaker(options, this.clock, (pause) => {
      if (pause)
        this.log(
          'error',
          `${subscription.name} is paused, its ${subscription.kind}s wait: ${pause.reason}`,
        );
      else this.log('info', `${subscription.name} goes on`);
    });
    if (this.stopped) made.stop();
    this.breakers.set(subscription, made);
    return made;
  }
}

const publicPartOf = ({ since, reason, nextProbe }: Pause): Pause => ({ since, reason, nextProbe });
