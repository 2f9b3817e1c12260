/*
 * Frames of Nest's JsonSocket: the number of UTF-16 characters of a JSON text, `#`, the text in
 * UTF-8.
 */

/** Bytes of the largest request or reply that either side sends. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Characters of the largest frame that is read: a message, and room for its headers. */
const FRAME_LIMIT = MAX_MESSAGE_BYTES + 256 * 1024;
const MAX_LENGTH_DIGITS = String(FRAME_LIMIT).length;

export const frameOf = (text: string): string => `${text.length}#${text}`;

/** Bytes that are no frame, or too large a one. The connection cannot be read any further. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  constructor(
    readonly code: 'invalid-request' | 'too-large',
    message: string,
  ) {
    super(message);
  }
}

/** Reads frames from the chunks of a connection. */
export class FrameReader {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private text = '';
  /** Characters of the frame that has begun. */
  private expected?: number;

  /** True when the last chunk ended within a frame. */
  get isWithinFrame(): boolean {
    return this.text.length > 0 || this.expected !== undefined;
  }

  /**
   * The texts of the frames that the chunk completes.
   * @throws FrameError, also after some texts
   */
  *read(chunk: Buffer): Generator<string, void> {
    this.text += this.decode(chunk);
    let at = 0;
    try {
      for (;;) {
        if (this.expected === undefined) {
          const hash = this.text.indexOf('#', at);
          const digits = this.text.slice(at, hash < 0 ? at + MAX_LENGTH_DIGITS + 1 : hash);
          if (hash < 0 && /^\d*$/.test(digits) && digits.length <= MAX_LENGTH_DIGITS) return;
          this.expected = lengthIn(digits);
          at = hash + 1;
        }
        if (this.text.length - at < this.expected) return;
        const end = at + this.expected;
        this.expected = undefined;
        const text = this.text.slice(at, end);
        at = end;
        yield text;
      }
    } finally {
      this.text = this.text.slice(at);
    }
  }

  private decode(chunk: Buffer): string {
    try {
      return this.decoder.decode(chunk, { stream: true });
    } catch {
      throw new FrameError('invalid-request', 'the packet is not JSON in UTF-8');
    }
  }
}

function lengthIn(digits: string): number {
  if (!/^\d+$/.test(digits))
    throw new FrameError('invalid-request', 'the bytes are no packet of the TCP transport');
  const length = Number(digits);
  if (length > FRAME_LIMIT || digits.length > MAX_LENGTH_DIGITS)
    throw new FrameError(
      'too-large',
      `a packet of more than ${FRAME_LIMIT} characters is too large: ${MAX_MESSAGE_BYTES} bytes are the most`,
    );
  return length;
}
