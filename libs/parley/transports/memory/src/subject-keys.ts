import { randomBytes, randomUUID } from 'node:crypto';
import type { Decision } from '@parley/messaging';
import type { Clock, SubjectKey, SubjectKeys, SubjectRecord } from '@parley/messaging/transport';

interface Row {
  key: SubjectKey;
  record: SubjectRecord;
}

/** In-memory key store, for tests and simulation. */
export class MemorySubjectKeys implements SubjectKeys {
  private readonly rows = new Map<string, Row>();
  private readonly subjects = new Map<string, string>();
  /** For secrets: the newest key by lifetime, and the end of each key. */
  private readonly secrets = new Map<
    number,
    { readonly key: SubjectKey; readonly since: number }
  >();
  private readonly ends = new Map<string, { readonly key: SubjectKey; readonly end: number }>();
  /** Number of requests for keys; one request may name many. */
  asked = 0;

  constructor(private readonly clock: Clock) {}

  async connect(): Promise<void> {}
  async close(): Promise<void> {}

  async of(subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    this.asked++;
    return new Map(subjects.map((subject) => [subject, this.row(subject).key]));
  }

  async byId(ids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    this.asked++;
    return new Map(ids.flatMap((id) => (this.peek(id) ? [[id, this.peek(id)!]] : [])));
  }

  async current(life: number): Promise<SubjectKey> {
    this.asked++;
    const now = this.clock.now();
    const newest = this.secrets.get(life);
    if (newest && now < newest.since + life) return newest.key;
    const made = { key: { id: randomUUID(), secret: randomBytes(32) }, since: now };
    this.secrets.set(life, made);
    this.ends.set(made.key.id, { key: made.key, end: now + 2 * life });
    return made.key;
  }

  async erase(
    subject: string,
    { who, reason }: Decision,
  ): Promise<'erased' | 'erased before' | 'unknown'> {
    const row = this.rows.get(subject);
    if (!row) return 'unknown';
    if (row.record.erased) return 'erased before';
    const at = new Date(this.clock.now());
    this.rows.set(subject, {
      key: { id: row.key.id },
      record: { ...row.record, erased: { at, who, ...(reason !== undefined && { reason }) } },
    });
    return 'erased';
  }

  async find(subject: string): Promise<SubjectRecord | undefined> {
    return this.rows.get(subject)?.record;
  }

  /** A key by its id, without waiting. */
  peek(id: string): SubjectKey | undefined {
    const ending = this.ends.get(id);
    if (ending) return this.clock.now() < ending.end ? ending.key : { id };
    return this.rows.get(this.subjects.get(id) ?? '')?.key;
  }

  private row(subject: string): Row {
    const known = this.rows.get(subject);
    if (known) return known;
    const made = {
      key: { id: randomUUID(), secret: randomBytes(32) },
      record: { since: new Date(this.clock.now()) },
    };
    this.rows.set(subject, made);
    this.subjects.set(made.key.id, subject);
    return made;
  }
}
