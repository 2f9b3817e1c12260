// Messages that a consumer has handled: one bit of memory a message would be too little to blame, a list of
// them too much for a million.

export class Ledger {
  /** Different messages. */
  handled = 0;
  doubled = 0;
  /** Of another measurement. */
  strays = 0;
  /** The time of the latest one. */
  last = 0;
  #run;
  #seen;

  /** @param {string} run @param {number} count */
  constructor(run, count) {
    this.#run = run;
    this.#seen = new Uint8Array(count);
  }

  /**
   * @param {{ run: string, n: number }} message
   * @param {number} at
   */
  note({ run, n }, at) {
    if (run !== this.#run || !(n < this.#seen.length)) return void this.strays++;
    if (this.#seen[n]) return void this.doubled++;
    this.#seen[n] = 1;
    this.handled++;
    this.last = at;
  }

  /** For another process. */
  told() {
    const { handled, doubled, strays, last } = this;
    return { handled, doubled, strays, last, seen: Buffer.from(this.#seen).toString('base64') };
  }
}

/** @typedef {ReturnType<Ledger['told']>} Told */

/**
 * Mistakes of consumers that shared these messages.
 * @param {readonly Told[]} all
 * @param {number} count
 */
export function wrongInShares(all, count) {
  const times = new Uint8Array(count);
  for (const { seen } of all) {
    const bytes = Buffer.from(seen, 'base64');
    for (let n = 0; n < count; n++) if (bytes[n]) times[n] = (times[n] ?? 0) + 1;
  }
  const lost = times.filter((one) => one === 0).length;
  const shared = times.reduce((sum, one) => sum + Math.max(0, one - 1), 0);
  const doubled = shared + all.reduce((sum, one) => sum + one.doubled, 0);
  const strays = all.reduce((sum, one) => sum + one.strays, 0);
  return [
    ...(lost > 0 ? [`${lost} of ${count} messages lost`] : []),
    ...(doubled > 0 ? [`${doubled} handled twice`] : []),
    ...(strays > 0 ? [`${strays} of an earlier measurement handled again`] : []),
  ];
}
