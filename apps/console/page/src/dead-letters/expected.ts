import type { ReplayPreview } from '../api/types';

/** So many letters with the same expected result of a replay. */
export interface Expected {
  readonly count: number;
  readonly expect: string;
  readonly why: string;
}

/** The results that replays are expected to have, the most frequent first. */
export function expectedOf(replays: readonly ReplayPreview[]): readonly Expected[] {
  const found = new Map<string, Expected>();
  for (const { expect, why } of replays) {
    // `its lane waits for letter 7`: the number alone would make each a result of its own.
    const same = why.replace(/letter \d+/, 'another letter');
    const id = `${expect}\n${same}`;
    found.set(id, { expect, why: same, count: (found.get(id)?.count ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}
