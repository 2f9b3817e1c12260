import { AsyncLocalStorage } from 'node:async_hooks';
import { Server, type MessageHandler } from '@nestjs/microservices';
import { ReplyLostError, OwnerUnavailableError } from '@parley/messaging';
import type { Question } from '@parley/contract';
import {
  ItemReader,
  openedItems,
  TRANSPORT_ID,
  type CallResult,
  type HandleCall,
  type CallTransportOptions,
  type CallServer,
  type CallTransport,
  type HandlerExtras,
  type HandlerRegistry,
  type ConsumerHealth,
  type IncomingCall,
  type Items,
  type OutgoingCall,
  type StreamResult,
  type TransportContext,
} from '@parley/messaging/transport';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { type AnsweringInstance, MemoryBroker } from './broker';

/**
 * Calls within the process. Deadlines are real time, also under a virtual clock: nothing else ends
 * a handler that hangs.
 */
export class MemoryCallTransport implements CallTransport {
  readonly technology = 'memory';

  constructor(
    private readonly options: CallTransportOptions,
    private readonly context: TransportContext,
  ) {}

  async call(request: OutgoingCall): Promise<CallResult> {
    const { contract, deadline, signal } = request;
    const instance = this.instanceFor(contract);
    const over = new AbortController();
    const budget = deadline.budget();
    const cancel = startTimer(budget, () =>
      over.abort(new DeadlineExceededError(contract.name, budget)),
    );
    const cancelled = signal ? AbortSignal.any([over.signal, signal]) : over.signal;
    try {
      return await instance.ask(request, cancelled);
    } finally {
      cancel();
    }
  }

  async stream(request: OutgoingCall): Promise<StreamResult> {
    return openedItems(this.instanceFor(request.contract).open(request));
  }

  server(registry: HandlerRegistry, answer: HandleCall): CallServer {
    const { service } = this.context;
    const broker = this.brokerOf(service);
    if (!broker.answering.has(service)) broker.answering.set(service, []);
    return new MemoryCallServer(registry, answer, broker.answering.get(service)!);
  }

  async close(): Promise<void> {}

  /** In turn. */
  private instanceFor(contract: Question): AnsweringInstance {
    const answering = this.brokerOf(contract.owner).answering.get(contract.owner) ?? [];
    const instance = answering.shift();
    if (!instance) throw new OwnerUnavailableError(contract, 'it does not answer calls here');
    answering.push(instance);
    return instance;
  }

  private brokerOf(owner: string): MemoryBroker {
    return MemoryBroker.at(this.options.urlOf(owner), this.context.clock);
  }
}

class MemoryCallServer extends Server implements CallServer, AnsweringInstance {
  override transportId = TRANSPORT_ID.call;
  private state: ConsumerHealth['state'] = 'starting';
  private readonly closed = new AbortController();
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly answer: HandleCall,
    /** The owner's instances that answer now. */
    private readonly answering: AnsweringInstance[],
  ) {
    super();
  }

  override addHandler(
    _pattern: unknown,
    run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  listen(started: () => void): void {
    this.answering.push(this);
    this.state = 'consuming';
    started();
  }

  /** @see AnsweringInstance */
  async ask(request: OutgoingCall, cancelled: AbortSignal): Promise<CallResult> {
    cancelled.throwIfAborted();
    const signal = AbortSignal.any([cancelled, this.closed.signal]);
    const answered = this.outside(() => this.answer(received(request, signal)));
    try {
      const answer = await Promise.race([answered, aborted(signal)]);
      cancelled.throwIfAborted(); // a handler may reply as soon as it is aborted
      return answer;
    } catch (reason) {
      throw cancelled.aborted
        ? reason
        : new ReplyLostError(request.contract, 'the instance stopped');
    }
  }

  /** @see AnsweringInstance */
  open(request: OutgoingCall): Items {
    const left = new AbortController();
    const room = new Room();
    const items = new ItemReader(request, {
      resume: () => room.make(),
      cancel: (reason) => left.abort(reason),
    });
    const write = async (item: Buffer) => {
      if (!items.push(Buffer.from(item))) await room.made();
    };
    const signal = AbortSignal.any([left.signal, this.closed.signal]);
    const lost = () => items.fail(new ReplyLostError(request.contract, 'the instance stopped'));
    this.closed.signal.addEventListener('abort', lost, { once: true });
    void this.outside(() => this.answer({ ...received(request, signal), write })).then((answer) => {
      this.closed.signal.removeEventListener('abort', lost);
      items.end(answer.ok ? undefined : answer.fault);
    });
    return items;
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    const at = this.answering.indexOf(this);
    if (at >= 0) this.answering.splice(at, 1);
  }

  async close(): Promise<void> {
    await this.stop();
    this.closed.abort(new Error('the instance stopped'));
  }

  health(): ConsumerHealth {
    return { technology: 'memory', kind: 'call', state: this.state };
  }

  on(event: string): never {
    throw new Error(`call server: there is no event "${event}" to listen to; ask health()`);
  }

  unwrap<T>(): T {
    throw new Error('call server: there is no server to unwrap');
  }
}

/** A copy of the request: what its handler changes stays with the handler. */
const received = (
  { contract, headers, body, deadline }: OutgoingCall,
  signal: AbortSignal,
): IncomingCall => ({
  contract: contract.name,
  headers: { ...headers },
  body: Buffer.from(body),
  deadline,
  signal,
});

/** Waiting place of a writer until its reader has room for more. */
class Room {
  private waiting?: () => void;

  made(): Promise<void> {
    return new Promise((resolve) => (this.waiting = resolve));
  }

  make(): void {
    this.waiting?.();
    this.waiting = undefined;
  }
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
