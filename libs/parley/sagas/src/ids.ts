import { createHash } from 'node:crypto';

/** Deterministic ids: a step that is taken again, after a crash, gets the same ones. */
export function idsFor(saga: string, key: string, cause: string): (label?: string) => string {
  return (label = '') => {
    const bytes = createHash('sha256')
      .update([saga, key, cause, label].join('\0'))
      .digest()
      .subarray(0, 16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x80; // version 8: made by a rule of our own
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
}
