import { MAX_MESSAGE_BYTES } from './protocol';

/* The frames of Connect's streams: a byte of flags, the length in four bytes, the message. */

const HEAD_BYTES = 5;
/** The flags of the last frame. */
export const END = 2;

export function frameOf(message: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The message of a body that is one whole frame; undefined for any other body. */
export function messageIn(body: Buffer): Buffer | undefined {
  const isWhole = body.length >= HEAD_BYTES && body.length === HEAD_BYTES + body.readUInt32BE(1);
  return isWhole && body[0] === 0 ? body.subarray(HEAD_BYTES) : undefined;
}

export interface Frame {
  readonly flags: number;
  readonly message: Buffer;
}

export class FrameTooLargeError extends Error {
  override readonly name = 'FrameTooLargeError';
}

/** Cuts the bytes of a response into frames. Keeps at most one frame that has not arrived whole. */
export class FrameReader {
  private parts: Buffer[] = [];
  private size = 0;
  /** Of the message that arrives, when its head has arrived. */
  private length?: number;

  /** The frames that are whole now. @throws FrameTooLargeError */
  *read(part: Buffer): Generator<Frame> {
    this.parts.push(part);
    this.size += part.length;
    for (let needed = this.needed(); this.size >= needed; needed = this.needed()) {
      const bytes = this.bytes();
      this.parts = [bytes.subarray(needed)];
      this.size -= needed;
      this.length = undefined;
      yield { flags: bytes[0]!, message: bytes.subarray(HEAD_BYTES, needed) };
    }
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Bytes of the frame that arrives, as far as its head says; those of a head before. */
  private needed(): number {
    if (this.size < HEAD_BYTES) return HEAD_BYTES;
    this.length ??= this.bytes().readUInt32BE(1);
    if (this.length > MAX_MESSAGE_BYTES) throw new FrameTooLargeError();
    return HEAD_BYTES + this.length;
  }

  private bytes(): Buffer {
    if (this.parts.length > 1) this.parts = [Buffer.concat(this.parts)];
    return this.parts[0]!;
  }
}
