import type { IncomingHttpHeaders } from 'node:http';
import { OwnerUnavailableError, ReplyLostError } from '@parley/messaging';
import {
  bugIn,
  type CallResult,
  notReached,
  type OutgoingCall,
  UNTRUSTED,
} from '@parley/messaging/transport';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { type Dispatcher, errors } from 'undici';
import { faultOf } from './fault';
import { JSON_TYPE, MAX_MESSAGE_BYTES, NOT_HANDLED_HEADER } from './protocol';

export const TOO_LARGE: CallResult = {
  ok: false,
  fault: { code: 'too-large', message: `a message has at most ${MAX_MESSAGE_BYTES} bytes` },
};

/** The instance that an exchange is with. */
export interface Peer {
  /** A response began. */
  heard(): void;
  /** The deadline of a request passed; it was sent at this time of the process's clock. */
  unheard(sentAt: number): void;
}

export interface Settle {
  readonly resolve: (result: CallResult) => void;
  readonly reject: (reason: unknown) => void;
}

/** One request and its response. Ends with the response, at the deadline, or by the signal. */
export class Exchange implements Dispatcher.DispatchHandler {
  private controller?: Dispatcher.DispatchController;
  /** Undefined: it waits for a connection, and nothing was sent. */
  private sentAt?: number;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly parts: Buffer[] = [];
  private isOver = false;
  private readonly stopTimer: () => void;

  constructor(
    private readonly request: OutgoingCall,
    private readonly budget: number,
    private readonly peer: Peer,
    private readonly settle: Settle,
  ) {
    this.stopTimer = startTimer(budget, this.late);
    request.signal?.addEventListener('abort', this.cancel, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isOver) return controller.abort(new Error('it was given up'));
    this.controller = controller;
    this.sentAt = performance.now();
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders): void {
    this.peer.heard();
    this.status = status;
    this.headers = headers;
  }

  onResponseData(_: unknown, part: Buffer): void {
    this.parts.push(part);
  }

  onResponseEnd(): void {
    const body = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    if (this.status === 200) {
      if (this.headers['content-type']?.startsWith(JSON_TYPE)) this.answered({ ok: true, body });
      else this.answered(NO_REPLY);
      return;
    }
    const { contract } = this.request;
    const fault = faultOf(this.status, body);
    if (this.headers[NOT_HANDLED_HEADER] !== undefined && fault?.code === UNTRUSTED)
      this.failed(OwnerUnavailableError.untrusted(contract, fault.message));
    else if (this.headers[NOT_HANDLED_HEADER] !== undefined)
      this.failed(new OwnerUnavailableError(contract, fault?.message ?? 'it was refused'));
    else if (fault) this.answered({ ok: false, fault });
    else this.failed(new ReplyLostError(contract, `HTTP status ${this.status}`));
  }

  onResponseError(_: unknown, error: Error): void {
    const { contract } = this.request;
    const bug = error instanceof errors.InvalidArgumentError ? error : bugIn(error);
    if (bug) this.failed(bug);
    else if (error instanceof errors.ResponseExceededMaxSizeError) this.answered(TOO_LARGE);
    else if (this.sentAt === undefined) this.failed(notReached(contract, error.message));
    else this.failed(new ReplyLostError(contract, error.message));
  }

  private answered(result: CallResult): void {
    if (this.end()) this.settle.resolve(result);
  }

  private failed(reason: unknown): void {
    if (this.end()) this.settle.reject(reason);
  }

  private readonly late = (): void => {
    if (this.sentAt !== undefined) this.peer.unheard(this.sentAt);
    this.giveUp(new DeadlineExceededError(this.request.contract.name, this.budget));
  };

  private readonly cancel = (): void => this.giveUp(this.request.signal?.reason);

  private giveUp(reason: unknown): void {
    this.failed(reason);
    this.controller?.abort(new Error('it was given up'));
  }

  /** False when it was over before. */
  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.stopTimer();
    this.request.signal?.removeEventListener('abort', this.cancel);
    return true;
  }
}

const NO_REPLY: CallResult = {
  ok: false,
  fault: { code: 'unhandled', message: 'it answered with something else than JSON' },
};
