import { join } from 'node:path';
import { Journal } from './journal';

export interface Charge {
  readonly kind: 'charge';
  readonly key: string;
  readonly id: string;
  /** `voided`: nothing can be captured for this key any more. */
  readonly status: 'captured' | 'declined' | 'voided';
  readonly amount: number;
  readonly token: string;
  /** The merchant's own name for it, for example an order number. */
  readonly reference: string;
  readonly reason?: string;
  readonly at: string;
}

export interface Refund {
  readonly kind: 'refund';
  readonly key: string;
  readonly id: string;
  /** The key of the charge it gives back. */
  readonly charge: string;
  readonly amount: number;
  readonly reference: string;
  readonly at: string;
}

export type Entry = Charge | Refund;

export interface LedgerFilter {
  readonly kind?: Entry['kind'];
  readonly status?: Charge['status'];
  readonly reference?: string;
  /** ISO 8601: entries from then on. */
  readonly since?: string;
}

export interface Sums {
  captured: number;
  refunded: number;
  count: number;
  charges: { captured: number; declined: number; voided: number };
  refunds: number;
}

/**
 * Every charge and refund, one per key, never changed. An entry counts at once; `recorded` says
 * that it is on the disk.
 */
export class Ledger {
  private readonly entries: Entry[] = [];
  private readonly chargesByKey = new Map<string, Charge>();
  private readonly refundsByKey = new Map<string, Refund>();
  private readonly refundedByCharge = new Map<string, number>();

  private constructor(private readonly journal: Journal<Entry>) {}

  static async open(dataDir: string): Promise<Ledger> {
    const { journal, entries } = await Journal.open<Entry>(join(dataDir, 'ledger.jsonl'));
    const ledger = new Ledger(journal);
    entries.forEach((entry) => ledger.index(entry));
    return ledger;
  }

  charge(key: string): Charge | undefined {
    return this.chargesByKey.get(key);
  }

  refund(key: string): Refund | undefined {
    return this.refundsByKey.get(key);
  }

  refundedOf(charge: string): number {
    return this.refundedByCharge.get(charge) ?? 0;
  }

  /** Resolves when the entry is on the disk; only then may anyone be told. */
  async record<E extends Entry>(entry: E): Promise<E> {
    this.index(entry);
    await this.journal.append(entry);
    return entry;
  }

  /** Resolves when all records are on the disk: wait for it before you answer from the ledger. */
  recorded(): Promise<void> {
    return this.journal.settled();
  }

  list(filter: LedgerFilter = {}): Entry[] {
    return this.entries.filter((entry) => matches(entry, filter));
  }

  sums(filter: LedgerFilter = {}): Sums {
    const sums: Sums = {
      captured: 0,
      refunded: 0,
      count: 0,
      charges: { captured: 0, declined: 0, voided: 0 },
      refunds: 0,
    };
    for (const entry of this.entries) if (matches(entry, filter)) add(sums, entry);
    return sums;
  }

  close(): Promise<void> {
    return this.journal.close();
  }

  private index(entry: Entry): void {
    this.entries.push(entry);
    if (entry.kind === 'charge') {
      this.chargesByKey.set(entry.key, entry);
      return;
    }
    this.refundsByKey.set(entry.key, entry);
    this.refundedByCharge.set(entry.charge, this.refundedOf(entry.charge) + entry.amount);
  }
}

function matches(entry: Entry, { kind, status, reference, since }: LedgerFilter): boolean {
  if (kind !== undefined && entry.kind !== kind) return false;
  if (status !== undefined && (entry.kind !== 'charge' || entry.status !== status)) return false;
  if (reference !== undefined && entry.reference !== reference) return false;
  return since === undefined || Date.parse(entry.at) >= Date.parse(since);
}

function add(sums: Sums, entry: Entry): void {
  sums.count += 1;
  if (entry.kind === 'refund') {
    sums.refunds += 1;
    sums.refunded += entry.amount;
    return;
  }
  sums.charges[entry.status] += 1;
  if (entry.status === 'captured') sums.captured += entry.amount;
}
