/** A value that protobuf cannot carry, or bytes that are no message. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
  constructor(
    /** `QuotePriceRequest.lines`; empty for the message as a whole. */
    readonly field: string,
    readonly problem: string,
  ) {
    super(field === '' ? problem : `${field} ${problem}`);
  }
}
