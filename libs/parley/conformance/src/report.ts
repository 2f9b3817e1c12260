import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '@parley/contract';
import { guaranteesOf, type GuaranteeId } from './guarantees';

export type Verdict =
  | { readonly verdict: 'held' | 'declared'; readonly except?: string }
  | { readonly verdict: 'failed' | 'not offered' | 'untested'; readonly why: string };

/** Collects the verdict on every guarantee of one kind on one technology. */
export class Report {
  private readonly verdicts = new Map<GuaranteeId, Verdict>();

  constructor(
    private readonly technology: string,
    private readonly kind: Kind,
  ) {}

  note(id: GuaranteeId, verdict: Verdict): void {
    if (this.verdicts.get(id)?.verdict !== 'failed') this.verdicts.set(id, verdict);
  }

  /** For the table: all promises of the kind, those that no test is written for among them. */
  write(folder: string): void {
    const results = guaranteesOf(this.kind).map(([id, { text }]) => ({
      id,
      text,
      ...(this.verdicts.get(id) ?? UNTESTED),
    }));
    mkdirSync(folder, { recursive: true });
    const { technology, kind } = this;
    const file = `${technology.replace(/\W+/g, '-')}.${kind}.json`;
    writeFileSync(join(folder, file), JSON.stringify({ technology, kind, results }, null, 2));
  }
}

const UNTESTED: Verdict = { verdict: 'untested', why: 'no test is written for it yet' };
