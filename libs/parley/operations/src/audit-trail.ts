import type { Operator } from './operators';

/** A change that an operator asked for. The log has it as the field `audit` of a line. */
export interface AuditRecord {
  readonly at: Date;
  readonly who: string;
  /** True when a token proved the name. */
  readonly proven: boolean;
  /** Undefined for a request that was refused before anybody was known. */
  readonly role?: string;
  /** `POST` */
  readonly method: string;
  /** `/operations/dead-letters/7/replay` */
  readonly path: string;
  /** The address of the other side of the connection; that of a proxy, if one is in between. */
  readonly from: string;
  /** Of the answer: 2xx took effect, 401 and 403 were refused. */
  readonly status: number;
}

export interface AuditedRequest {
  readonly method: string;
  readonly path: string;
  readonly from?: string;
}

/** Records of this process that `latest` shows; the log keeps all. */
const KEPT = 1_000;
/** A path may be as long as a request; the log needs no more of it. */
const PATH_LIMIT = 500;

/** The changes that operators asked this process for, with their results. */
export class AuditTrail {
  private readonly records: AuditRecord[] = [];

  constructor(private readonly log: (message: string, details: object) => void) {}

  /** @param operator undefined: nobody was known */
  note(request: AuditedRequest, operator: Operator | undefined, status: number): void {
    const record: AuditRecord = {
      at: new Date(),
      who: operator?.name ?? 'nobody',
      proven: operator?.isProven ?? false,
      role: operator?.role,
      method: request.method,
      path: request.path.slice(0, PATH_LIMIT),
      from: request.from ?? 'unknown',
      status,
    };
    // Attempts of strangers must not push the records of operators out.
    if (operator) this.records.push(record);
    if (this.records.length > KEPT) this.records.shift();
    this.log(`audit: ${record.who} ${record.method} ${record.path} ${status}`, { audit: record });
  }

  /** The latest first. */
  latest(limit: number, who?: string): readonly AuditRecord[] {
    return this.records
      .filter((record) => who === undefined || record.who === who)
      .slice(-limit)
      .reverse();
  }
}
