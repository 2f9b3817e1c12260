import type { Socket } from 'node:net';
import type { Caller, CallFault, CallUnderWay } from '@parley/messaging/transport';
import { startTimer } from '@parley/resilience';
import { FrameError, frameOf, FrameReader } from './frames';
import { faultText, fromCaller, goAwayText, helloText, replyText, type Request } from './packets';

/** Milliseconds from the first to the last byte of a packet. */
const PACKET_TIMEOUT_MS = 30_000;
/** Requests of one connection that are handled at the same time. */
const MAX_CALLS = 10_000;
/** Bytes of replies that wait for a caller that does not read them. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/** Milliseconds that a refused caller has to read why. */
const LINGER_MS = 1_000;

/** Tells a caller why nothing of its connection is handled, and ends it. */
export function refuse(socket: Socket, fault: CallFault): void {
  socket.on('error', () => undefined).resume();
  socket.end(frameOf(faultText(undefined, fault)));
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}

interface Events {
  asked(request: Request): void;
  closed(): void;
}

/** The connection of one caller, as the server sees it. */
export class CallerConnection {
  private readonly frames = new FrameReader();
  private readonly calls = new Map<string, CallUnderWay>();
  private stopPacketTimer?: () => void;
  /** True when the caller knows `goAway`; one by stock Nest would stay. */
  private leavesByItself = false;
  private hasToLeave = false;
  private readonly hasLeft: Promise<void>;

  constructor(
    private readonly socket: Socket,
    private readonly events: Events,
    /** The service that the certificate of the connection is for. */
    readonly caller?: Caller,
  ) {
    this.hasLeft = new Promise((resolve) => socket.once('close', () => resolve()));
    socket
      .on('data', (chunk: Buffer) => this.read(chunk))
      .on('drain', () => socket.resume())
      .on('error', () => undefined)
      .on('close', () => this.closed());
    this.write(helloText);
  }

  /** False, and answered, when there are too many calls or the id is taken. */
  begin(id: string, call: CallUnderWay): boolean {
    if (this.calls.has(id)) this.fail(id, { code: 'invalid-request', message: 'the id is in use' });
    else if (this.calls.size >= MAX_CALLS)
      this.fail(id, { code: 'unavailable', message: `more than ${MAX_CALLS} calls at once` });
    else return Boolean(this.calls.set(id, call));
    return false;
  }

  end(id: string): void {
    this.calls.delete(id);
  }

  reply(id: string, body: Buffer): void {
    this.write(replyText(id, body));
  }

  fail(id: string | undefined, fault: CallFault): void {
    this.write(faultText(id, fault));
  }

  /** The caller is told to open no new call here. */
  goAway(): void {
    this.write(goAwayText);
  }

  /** Resolves when the caller has left; one that cannot know is left when it was answered. */
  leave(): Promise<void> {
    this.hasToLeave = true;
    this.leaveWhenIdle();
    return this.hasLeft;
  }

  destroy(): void {
    this.socket.destroy();
  }

  private write(text: string): void {
    if (this.socket.destroyed) return;
    // A caller that does not read its replies may ask no more.
    if (!this.socket.write(frameOf(text))) this.socket.pause();
    if (this.socket.writableLength > MAX_UNREAD_BYTES) this.socket.destroy();
    this.leaveWhenIdle();
  }

  private leaveWhenIdle(): void {
    if (this.hasToLeave && !this.leavesByItself && this.calls.size === 0) this.socket.end();
  }

  private read(chunk: Buffer): void {
    try {
      for (const text of this.frames.read(chunk)) this.take(text);
    } catch (error) {
      return this.refuse(error as Error);
    }
    if (!this.frames.isWithinFrame) this.stopTimer();
    else
      this.stopPacketTimer ??= startTimer(PACKET_TIMEOUT_MS, () => this.socket.destroy(), {
        ref: false,
      });
  }

  private take(text: string): void {
    const packet = fromCaller(text);
    if (!packet) return;
    if ('cancelled' in packet) return this.calls.get(packet.cancelled)?.callerGone();
    this.leavesByItself = packet.request.isOurs;
    this.events.asked(packet.request);
  }

  /** The rest cannot be read: there is no telling where the next packet begins. */
  private refuse(error: Error): void {
    const code = error instanceof FrameError ? error.code : 'invalid-request';
    this.fail(undefined, { code, message: error.message.slice(0, 200) });
    this.socket.removeAllListeners('data').resume().end();
    this.socket.setTimeout(1_000, () => this.socket.destroy());
  }

  private stopTimer(): void {
    this.stopPacketTimer?.();
    this.stopPacketTimer = undefined;
  }

  private closed(): void {
    this.stopTimer();
    for (const call of this.calls.values()) call.callerGone();
    this.calls.clear();
    this.events.closed();
  }
}
