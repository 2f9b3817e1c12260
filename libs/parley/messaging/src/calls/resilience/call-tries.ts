import { hedged, jittered, sleep } from '@parley/resilience';
import {
  OwnerUnavailableError,
  type CallResult,
  type CallTransport,
  type StreamResult,
  type OutgoingCall,
} from '../../ports/call-transport';
import type { CallTarget } from './call-target';
import {
  type Answer,
  didNothing,
  isLost,
  isUnreached,
  mayBeRepeated,
  mayBeTriedAgain,
  outcomeOf,
  resultOf,
  type Tried,
} from './tried';
import { noStreams } from '../streams/no-streams';

/** Milliseconds to wait before each further try, at most; at least half of it. */
const PAUSES_MS = [50, 200, 500];
/** Milliseconds; a call that usually takes less gains nothing by a second request. */
const SHORTEST_HEDGE_MS = 10;

/** Sends a request once. */
type Send<A extends Answer> = (call: OutgoingCall) => Promise<A>;

/** Told why a request is made once more. */
export type TriedAgain = (contract: string, why: 'retry' | 'hedge') => void;

/** The tries of a call: one, and further ones within the deadline and the budget of its owner. */
export class CallTries {
  constructor(
    private readonly transport: CallTransport,
    private readonly triedAgain: TriedAgain = () => undefined,
  ) {}

  /** Rejects as the transport does, and with OwnerUnavailableError for a call that is not made. */
  async answer(call: OutgoingCall, target: CallTarget): Promise<CallResult> {
    const { bulkhead, budget } = target;
    if (bulkhead?.enter() === false)
      throw OwnerUnavailableError.bulkheadFull(call.contract, bulkhead.limit);
    budget?.request();
    try {
      return await this.inTurn(call, target, (one) =>
        target.latencies ? this.sendMeasured(one, target) : this.transport.call(one),
      );
    } finally {
      bulkhead?.leave();
    }
  }

  /**
   * Opens a stream: it is under way until its end. Rejects as `answer` does; nothing is tried again
   * after the first item.
   */
  async open(call: OutgoingCall, target: CallTarget): Promise<StreamResult> {
    const { technology } = this.transport;
    if (!this.transport.stream) throw noStreams(call.contract, technology);
    const { bulkhead, budget } = target;
    if (bulkhead?.enter() === false)
      throw OwnerUnavailableError.bulkheadFull(call.contract, bulkhead.limit);
    budget?.request();
    try {
      const opened = await this.inTurn(call, target, (one) => this.transport.stream!(one));
      if (opened.ok) void opened.items.ended.then(() => bulkhead?.leave());
      else bulkhead?.leave();
      return opened;
    } catch (error) {
      bulkhead?.leave();
      throw error;
    }
  }

  /**
   * Tries again, within the deadline: a request that was certainly not handled, and a repeatable
   * one also when its reply was lost.
   */
  private async inTurn<A extends Answer>(
    call: OutgoingCall,
    target: CallTarget,
    send: Send<A>,
  ): Promise<A> {
    const repeatable = mayBeRepeated(call);
    let tried = await this.once(call, target, send);
    if (!tried) throw OwnerUnavailableError.circuitOpen(call.contract);
    let lost: Tried<A> | undefined;
    for (const pause of PAUSES_MS) {
      if (isLost(tried)) lost = tried;
      if (!mayBeTriedAgain(tried, repeatable) || !this.mayGoOn(call, target, tried, pause)) break;
      await sleep(jittered(pause));
      if (call.signal?.aborted) break;
      const next = await this.once(call, target, send, true);
      if (!next) break;
      this.triedAgain(call.contract.name, 'retry');
      tried = next;
    }
    // An earlier try may have taken effect: a later one that did nothing does not change that.
    return resultOf(lost && didNothing(tried) ? lost : tried);
  }

  /** A request that reached no instance burdens none: repeating it takes nothing from the budget. */
  private mayGoOn(
    { contract, deadline, signal }: OutgoingCall,
    { budget }: CallTarget,
    tried: Tried,
    pause: number,
  ): boolean {
    if (deadline.budget() <= pause || signal?.aborted) return false;
    if (this.transport.isMesh?.(contract.owner)) return false;
    return isUnreached(tried) || budget?.take() !== false;
  }

  /**
   * Undefined: the circuit breaker refuses it. A retry that fails tells it nothing new: a call that
   * fails counts once, or those that are tried again would outweigh the ones that are answered.
   */
  private async once<A extends Answer>(
    call: OutgoingCall,
    target: CallTarget,
    send: Send<A>,
    isRetry = false,
  ): Promise<Tried<A> | undefined> {
    const { breaker } = target;
    if (!breaker) return settled(send(call));
    const permit = breaker.acquire();
    if (permit === undefined) return undefined;
    const budget = call.deadline.budget();
    const tried = await settled(send(call));
    const outcome = outcomeOf(tried, call.contract, budget);
    breaker.report(permit, isRetry && outcome === 'failure' ? 'undecided' : outcome);
    return tried;
  }

  private async sendMeasured(call: OutgoingCall, target: CallTarget): Promise<CallResult> {
    const started = performance.now();
    const answer = await this.sendHedged(call, target);
    if (answer.ok) target.latencies?.note(performance.now() - started);
    return answer;
  }

  private sendHedged(call: OutgoingCall, { latencies, budget }: CallTarget): Promise<CallResult> {
    const usual = latencies?.current;
    if (usual === undefined || this.transport.isMesh?.(call.contract.owner))
      return this.transport.call(call);
    const mayHedge = () => {
      if (call.signal?.aborted || budget?.take() === false) return false;
      this.triedAgain(call.contract.name, 'hedge');
      return true;
    };
    return hedged(
      (over) =>
        this.transport.call({
          ...call,
          signal: call.signal ? AbortSignal.any([call.signal, over]) : over,
        }),
      Math.max(SHORTEST_HEDGE_MS, usual),
      mayHedge,
      ({ ok }) => ok,
    );
  }
}

const settled = <A extends Answer>(sent: Promise<A>): Promise<Tried<A>> =>
  sent.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
