/** Something that an example needs is not on this machine. */
export class NotTriedError extends Error {
  name = 'NotTriedError';
}
