import { isStream, type Question } from '@parley/contract';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import type {
  CallFault,
  Items,
  OutgoingCall,
  StreamOutcome,
  StreamPart,
} from '../ports/call-transport';

/** Items, and their bytes, that wait for the reader before the sender is held back. */
const [AHEAD, AHEAD_BYTES] = [16, 256 * 1024];

/** The connection that items arrive by. */
export interface ItemSource {
  /** Lets items come again. */
  resume(): void;
  /** Ends the stream at the other side. */
  cancel(reason: unknown): void;
}

interface Waiting {
  resolve(part: StreamPart): void;
  reject(reason: unknown): void;
  stopTimer(): void;
}

/**
 * The receiving end of a stream: keeps what its reader has not asked for yet, in bounded memory, and
 * ends it at its deadline, by its signal, and by too long a silence.
 */
export class ItemReader implements Items {
  readonly ended: Promise<StreamOutcome>;
  private settle!: (outcome: StreamOutcome) => void;
  private readonly arrived: Buffer[] = [];
  private bytes = 0;
  private outcome?: StreamOutcome;
  private waiting?: Waiting;
  private readonly stopTimer: () => void;
  private readonly signal?: AbortSignal;
  private readonly contract: Question;

  constructor(
    { contract, deadline, signal }: OutgoingCall,
    private readonly source: ItemSource,
  ) {
    this.ended = new Promise((resolve) => (this.settle = resolve));
    this.contract = contract;
    this.signal = signal;
    const budget = deadline.budget();
    this.stopTimer = startTimer(budget, () =>
      this.giveUp(new DeadlineExceededError(contract.name, budget)),
    );
    signal?.addEventListener('abort', this.aborted, { once: true });
    if (signal?.aborted) this.giveUp(signal.reason);
  }

  get isOver(): boolean {
    return this.outcome !== undefined;
  }

  /** Takes an item. False: hold back the next ones until `resume`. */
  push(item: Buffer): boolean {
    if (this.outcome) return false;
    const waiting = this.noLongerWaiting();
    if (waiting) {
      waiting.resolve({ item });
      return true;
    }
    this.arrived.push(item);
    this.bytes += item.length;
    return this.hasRoom;
  }

  /** The other side ended it. */
  end(fault?: CallFault): void {
    this.close({ fault });
  }

  /** It broke off: what arrived before is read first. */
  fail(error: unknown): void {
    this.close({ error });
  }

  next(): Promise<StreamPart> {
    const item = this.arrived.shift();
    if (item) {
      this.bytes -= item.length;
      if (this.hasRoom) this.source.resume();
      return Promise.resolve({ item });
    }
    return new Promise((resolve, reject) => {
      const { outcome } = this;
      if (outcome) return 'error' in outcome ? reject(outcome.error) : resolve(outcome);
      this.waiting = { resolve, reject, stopTimer: this.silenceTimer() };
      this.source.resume();
    });
  }

  private get hasRoom(): boolean {
    return this.arrived.length < AHEAD && this.bytes < AHEAD_BYTES;
  }

  private silenceTimer(): () => void {
    const silence = isStream(this.contract) ? this.contract.silence : undefined;
    if (silence === undefined) return () => undefined;
    return startTimer(silence, () =>
      this.giveUp(new DeadlineExceededError(this.contract.name, silence)),
    );
  }

  private readonly aborted = (): void => this.giveUp(this.signal?.reason);

  /** The caller does not wait any more, not even for what arrived. */
  private giveUp(error: unknown): void {
    if (this.outcome) return;
    this.arrived.length = 0;
    this.close({ error });
    this.source.cancel(error);
  }

  private close(outcome: StreamOutcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.stopTimer();
    this.signal?.removeEventListener('abort', this.aborted);
    const waiting = this.noLongerWaiting();
    if ('error' in outcome) waiting?.reject(outcome.error);
    else waiting?.resolve(outcome);
    this.settle(outcome);
  }

  private noLongerWaiting(): Waiting | undefined {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.stopTimer();
    return waiting;
  }
}
