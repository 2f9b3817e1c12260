/**
 * Returns the partition of a key as Kafka's own clients do (murmur2 over the key's bytes), so that
 * producers in any language agree.
 * @param count number of the topic's partitions
 */
export const partitionOf = (key: Buffer, count: number): number =>
  (murmur2(key) & 0x7fffffff) % count;

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

function murmur2(data: Buffer): number {
  const { length } = data;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MIX);
    word = Math.imul(word ^ (word >>> 24), MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  if (length > whole) {
    for (let at = length - 1; at >= whole; at--) hash ^= data[at]! << (8 * (at - whole));
    hash = Math.imul(hash, MIX);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}
