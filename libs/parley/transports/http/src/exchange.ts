import type { IncomingHttpHeaders } from 'node:http';
import { OwnerUnavailableError, ReplyLostError } from '@parley/messaging';
import type { Question } from '@parley/contract';
import {
  bugIn,
  type CallFault,
  type CallResult,
  notReached,
  type OutgoingCall,
  UNTRUSTED,
} from '@parley/messaging/transport';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { type Dispatcher, errors } from 'undici';
import { faultOf } from './fault';
import { JSON_TYPE, MAX_MESSAGE_BYTES, NOT_HANDLED_HEADER } from './protocol';

export const TOO_LARGE = {
  ok: false,
  fault: { code: 'too-large', message: `a message has at most ${MAX_MESSAGE_BYTES} bytes` },
} as const satisfies CallResult;

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
  private size = 0;
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

  onResponseData(controller: Dispatcher.DispatchController, part: Buffer): void {
    this.size += part.length;
    if (this.size <= MAX_MESSAGE_BYTES) return void this.parts.push(part);
    this.answered(TOO_LARGE);
    controller.abort(new Error('it was too large'));
  }

  onResponseEnd(): void {
    const body = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    if (this.status === 200) {
      if (this.headers['content-type']?.startsWith(JSON_TYPE)) this.answered({ ok: true, body });
      else this.answered(NO_REPLY);
      return;
    }
    const refusal = refusalOf(this.request.contract, this.status, this.headers, body);
    if (refusal instanceof Error) this.failed(refusal);
    else this.answered({ ok: false, fault: refusal });
  }

  onResponseError(_: unknown, error: Error): void {
    this.failed(breakOf(this.request.contract, error, this.sentAt !== undefined));
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

/** The error of a request without a whole response. A mistake in code stays what it is. */
export function breakOf(contract: Question, error: Error, wasSent: boolean): Error {
  const bug = error instanceof errors.InvalidArgumentError ? error : bugIn(error);
  if (bug) return bug;
  const { message } = error;
  return wasSent ? new ReplyLostError(contract, message) : notReached(contract, message);
}

/** The meaning of a response that is no reply. */
export function refusalOf(
  contract: Question,
  status: number,
  headers: IncomingHttpHeaders,
  body: Buffer,
): CallFault | Error {
  const fault = faultOf(status, body);
  if (headers[NOT_HANDLED_HEADER] !== undefined)
    return fault?.code === UNTRUSTED
      ? OwnerUnavailableError.untrusted(contract, fault.message)
      : new OwnerUnavailableError(contract, fault?.message ?? 'it was refused');
  return fault ?? new ReplyLostError(contract, `HTTP status ${status}`);
}

export const NO_REPLY = {
  ok: false,
  fault: { code: 'unhandled', message: 'it answered with something else than JSON' },
} as const satisfies CallResult;
