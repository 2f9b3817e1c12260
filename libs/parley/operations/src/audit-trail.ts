import type { Operator } from './operators';

/** A change that an operator requested. It is the field `audit` of a line in the log. */
export interface AuditRecord {
  readonly at: Date;
  readonly who: string;
  /** True when a token proved the name. */
  readonly proven: boolean;
  /** Undefined for a request without a known operator. */
  readonly role?: string;
  /** `POST` */
  readonly method: string;
  /** `/operations/dead-letters/7/replay` */
  readonly path: string;
  /** The remote address of the connection: of a proxy, if there is one in between. */
  readonly from: string;
  /** The status of the answer: 2xx took effect, 401 and 403 were refused. */
  readonly status: number;
}

export interface AuditedRequest {
  readonly method: string;
  readonly path: string;
  readonly from?: string;
}

/** The most records in memory, for `latest`; the log has all. */
const KEPT = 1_000;
/** Characters of a path in a record; longer ones are cut. */
const PATH_LIMIT = 500;

/** The changes that operators requested from this process, with their results. */
export class AuditTrail {
  private readonly records: AuditRecord[] = [];

  constructor(private readonly log: (message: string, details: object) => void) {}

  /** @param operator undefined when the request has no known operator */
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
    // Requests of strangers must not displace the records of operators.
    if (operator) this.records.push(record);
    if (this.records.length > KEPT) this.records.shift();
    this.log(`audit: ${record.who} ${record.method} ${record.path} ${status}`, { audit: record });
  }

  /** The newest records first. */
  latest(limit: number, who?: string): readonly AuditRecord[] {
    return this.records
      .filter((record) => who === undefined || record.who === who)
      .slice(-limit)
      .reverse();
  }
}
