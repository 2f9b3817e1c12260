import { AsyncLocalStorage } from 'node:async_hooks';
import { connect, type Socket } from 'node:net';
import { connect as connectByTls } from 'node:tls';
import type { Question } from '@parley/contract';
import { OwnerUnavailableError, ReplyLostError } from '@parley/messaging';
import {
  bugIn,
  type CallConnection,
  type CallFault,
  type CallResult,
  type ClientTls,
  type InstanceAddress,
  notReached,
  type OutgoingCall,
  UNTRUSTED,
} from '@parley/messaging/transport';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { frameOf, FrameReader, MAX_MESSAGE_BYTES } from './frames';
import { cancelText, type FromServer, fromServer, requestText, STOPPING } from './packets';

/** Milliseconds that an instance has to accept the connection; with TLS, which computes. */
const CONNECT_TIMEOUT_MS = 1_000;
const TLS_TIMEOUT_MS = 3_000;
/**
 * Milliseconds that requests wait for the hello of the instance before they are sent to one that
 * says none: a server of stock Nest. Before, a connection that a proxy accepts and drops has
 * certainly handled nothing.
 */
const HELLO_PATIENCE_MS = 100;
/**
 * Milliseconds without a byte, from a request to its deadline, after which a connection is taken
 * for a silent one: the next requests get another.
 */
const SILENCE_MS = 1_000;

/** Connections outlive the call that opened them, and must not keep its context. */
const outside = AsyncLocalStorage.snapshot();

/** A request that waits for its reply. */
interface Waiting {
  readonly contract: Question;
  readonly startedAt: number;
  body?: Buffer;
  settle(result: CallResult | Error): void;
}

/** A connection by TCP to one instance; another is opened when it breaks or the instance stops. */
export class TcpConnection implements CallConnection {
  private line?: Line;
  private readonly lines = new Set<Line>();
  /** Of the files for TLS that the line was opened with. */
  private version?: number;

  constructor(
    private readonly instance: InstanceAddress,
    private readonly tls?: ClientTls,
  ) {}

  async call(request: OutgoingCall): Promise<CallResult> {
    const { contract, deadline, signal, body } = request;
    signal?.throwIfAborted();
    if (deadline.budget() === 0) throw new DeadlineExceededError(contract.name, 0);
    if (body.length > MAX_MESSAGE_BYTES) return { ok: false, fault: tooLarge(body.length) };
    if (this.tls?.version !== this.version) this.line?.leave();
    if (!this.line?.isUsable) this.line = this.open();
    return this.line.ask(request);
  }

  async close(): Promise<void> {
    for (const line of this.lines) line.end('this process closes the connection');
  }

  private open(): Line {
    this.version = this.tls?.version;
    const line = outside(() => new Line(this.instance, this.tls, () => this.lines.delete(line)));
    this.lines.add(line);
    return line;
  }
}

const tooLarge = (bytes: number): CallFault => ({
  code: 'too-large',
  message: `a request of ${bytes} bytes is too large: ${MAX_MESSAGE_BYTES} bytes are the most`,
});

/** One socket, from its opening to its end. */
class Line {
  /** False when it broke, or its instance stops: requests under way may still be answered. */
  isUsable = true;
  private readonly socket: Socket;
  private readonly frames = new FrameReader();
  private readonly waiting = new Map<string, Waiting>();
  /** Requests by id that wait for the hello; undefined when it came, or will not come. */
  private unsent?: Map<string, () => string> = new Map();
  private count = 0;
  private heardAt = performance.now();
  /** True when the instance knows our packets; stock Nest would log a cancellation as an error. */
  private isOurs = false;
  private why = 'the instance closed it';
  /** The mistake in code that ended it. */
  private bug?: Error;
  /** The instance refused the connection: nothing of it was handled. */
  private refusal?: CallFault;
  private isOpen = false;
  private stopTimer: () => void;

  constructor(
    private readonly at: InstanceAddress,
    tls: ClientTls | undefined,
    private readonly onClose: () => void,
  ) {
    const { host, port } = at;
    this.socket = tls
      ? connectByTls({ host, port, ...tls.options() })
      : connect({ host, port, noDelay: true });
    if (tls) this.socket.setNoDelay();
    // After the events that already wait: a busy process learns late that it is connected.
    const late = () =>
      setImmediate(() => {
        if (!this.isOpen) this.socket.destroy(new Error('no connection in time'));
      });
    this.stopTimer = startTimer(tls ? TLS_TIMEOUT_MS : CONNECT_TIMEOUT_MS, late);
    this.socket
      .on(tls ? 'secureConnect' : 'connect', () => {
        this.isOpen = true;
        this.stopTimer();
        this.stopTimer = startTimer(HELLO_PATIENCE_MS, () => this.send());
      })
      .on('data', (chunk: Buffer) => this.read(chunk))
      .on('error', (error) => this.broke(error, error.message))
      .on('end', () => void (this.isUsable = false))
      .on('close', () => this.closed());
  }

  ask(request: OutgoingCall): Promise<CallResult> {
    const { contract, headers, body, deadline, signal } = request;
    const id = String(++this.count);
    return new Promise((resolve, reject) => {
      const budget = deadline.budget();
      const settle = (result: CallResult | Error) => {
        stopTimer();
        signal?.removeEventListener('abort', cancel);
        this.waiting.delete(id);
        if (result instanceof Error) reject(result);
        else resolve(result);
        this.endWhenIdle();
      };
      const cancel = () => {
        this.giveUp(id);
        settle(signal?.reason as Error);
      };
      const waiting: Waiting = { contract, startedAt: performance.now(), settle };
      const stopTimer = startTimer(budget, () => {
        this.suspect(waiting);
        this.giveUp(id);
        settle(new DeadlineExceededError(contract.name, budget));
      });
      signal?.addEventListener('abort', cancel, { once: true });
      this.waiting.set(id, waiting);
      // With what is left of the deadline when it is sent.
      const text = () => requestText(id, contract.name, headers, deadline.budget(), body);
      if (this.unsent) this.unsent.set(id, text);
      else this.write(text());
    });
  }

  /** New requests go elsewhere; those under way are answered. */
  leave(): void {
    this.isUsable = false;
    this.endWhenIdle();
  }

  end(why: string): void {
    this.isUsable = false;
    this.why = why;
    this.socket.destroy();
  }

  private send(): void {
    this.stopTimer();
    const texts = this.unsent?.values() ?? [];
    this.unsent = undefined;
    for (const text of texts) this.write(text());
  }

  private giveUp(id: string): void {
    if (this.unsent) this.unsent.delete(id);
    else if (this.isOurs) this.write(cancelText(id));
  }

  private write(text: string): void {
    if (this.socket.writable) this.socket.write(frameOf(text));
  }

  private read(chunk: Buffer): void {
    this.heardAt = performance.now();
    try {
      for (const text of this.frames.read(chunk)) this.take(fromServer(text));
    } catch (error) {
      const { message } = error as Error;
      this.broke(error, `it does not answer as Nest's TCP transport does: ${message}`);
      this.end(this.why);
    }
  }

  private broke(error: unknown, why: string): void {
    this.bug ??= bugIn(error);
    this.why = why;
  }

  private take(packet: FromServer | undefined): void {
    if (!packet) return;
    if ('notice' in packet) {
      if (packet.notice === 'hello') {
        this.isOurs = true;
        return this.send();
      }
      return this.leave();
    }
    if (packet.fault?.code === UNTRUSTED) this.refusal = packet.fault;
    const waiting = this.waiting.get(packet.id);
    if (!waiting) return;
    waiting.body = packet.body ?? waiting.body;
    if (!packet.isLast) return;
    if (!packet.fault) waiting.settle({ ok: true, body: waiting.body ?? Buffer.alloc(0) });
    else if (packet.fault.code === STOPPING)
      waiting.settle(new OwnerUnavailableError(waiting.contract, packet.fault.message));
    else waiting.settle({ ok: false, fault: packet.fault });
  }

  /** A network that loses everything looks like an instance that takes its time. */
  private suspect({ startedAt }: Waiting): void {
    const now = performance.now();
    if (this.heardAt < startedAt && now - startedAt >= SILENCE_MS) this.isUsable = false;
  }

  private endWhenIdle(): void {
    if (!this.isUsable && this.waiting.size === 0) this.socket.destroy();
  }

  private closed(): void {
    this.stopTimer();
    this.isUsable = false;
    this.onClose();
    const where = `${this.at.host}:${this.at.port}: ${this.why}`;
    for (const { contract, settle } of [...this.waiting.values()])
      settle(this.errorFor(contract, where));
  }

  private errorFor(contract: Question, where: string): Error {
    if (this.bug) return this.bug;
    if (this.refusal) return OwnerUnavailableError.untrusted(contract, this.refusal.message);
    return this.unsent ? notReached(contract, where) : new ReplyLostError(contract, where);
  }
}
