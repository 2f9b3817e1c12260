import type { IncomingHttpHeaders } from 'node:http';
import { ReplyLostError } from '@parley/messaging';
import { ItemReader, type OutgoingCall } from '@parley/messaging/transport';
import { DeadlineExceededError } from '@parley/resilience';
import type { Dispatcher } from 'undici';
import { breakOf, NO_REPLY, type Peer, refusalOf, TOO_LARGE } from './exchange';
import { faultOfEnd } from './fault';
import { END, type Frame, FrameReader, FrameTooLargeError } from './frames';
import { MAX_MESSAGE_BYTES, STREAM_TYPE } from './protocol';

/** One request and the items that answer it. */
export class StreamExchange implements Dispatcher.DispatchHandler {
  readonly items: ItemReader;
  private controller?: Dispatcher.DispatchController;
  /** Undefined: it waits for a connection, and nothing was sent. */
  private sentAt?: number;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly frames = new FrameReader();
  private readonly refusal: Buffer[] = [];
  private refusalBytes = 0;

  constructor(
    private readonly request: OutgoingCall,
    private readonly peer: Peer,
  ) {
    this.items = new ItemReader(request, {
      resume: () => this.controller?.resume(),
      cancel: (reason) => this.cancel(reason),
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.items.isOver) return controller.abort(new Error('it was given up'));
    this.controller = controller;
    this.sentAt = performance.now();
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders): void {
    this.peer.heard();
    this.status = status;
    this.headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, part: Buffer): void {
    if (!this.isStream) return this.keep(part);
    try {
      let hasRoom = true;
      for (const frame of this.frames.read(part)) hasRoom = this.take(frame) && hasRoom;
      if (!hasRoom && !this.items.isOver) controller.pause();
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error; // it comes back as onResponseError
      this.items.end(TOO_LARGE.fault);
    }
    // Nothing comes behind the end; what comes behind a broken frame is not read.
    if (this.items.isOver && !this.frames.isEmpty) controller.abort(new Error('it is over'));
  }

  onResponseEnd(): void {
    const { contract } = this.request;
    if (this.isStream) return this.items.fail(new ReplyLostError(contract, 'it has no end'));
    if (this.status === 200) return this.items.end(NO_REPLY.fault);
    const refusal = refusalOf(contract, this.status, this.headers, Buffer.concat(this.refusal));
    if (refusal instanceof Error) this.items.fail(refusal);
    else this.items.end(refusal);
  }

  onResponseError(_: unknown, error: Error): void {
    this.items.fail(breakOf(this.request.contract, error, this.sentAt !== undefined));
  }

  private get isStream(): boolean {
    return this.status === 200 && this.headers['content-type'] === STREAM_TYPE;
  }

  /** False: the reader has no room for more. */
  private take({ flags, message }: Frame): boolean {
    if (flags === 0) return this.items.push(Buffer.from(message));
    if (flags === END) this.items.end(faultOfEnd(message));
    else this.items.end({ code: 'unhandled', message: `it sent a frame with the flags ${flags}` });
    return true;
  }

  private keep(part: Buffer): void {
    this.refusalBytes += part.length;
    if (this.refusalBytes <= MAX_MESSAGE_BYTES) this.refusal.push(part);
  }

  private cancel(reason: unknown): void {
    if (reason instanceof DeadlineExceededError && this.sentAt !== undefined)
      this.peer.unheard(this.sentAt);
    this.controller?.abort(new Error('it was given up'));
  }
}
