import { randomBytes, randomUUID } from 'node:crypto';
import type { Decision } from '@parley/messaging';
import {
  storable,
  type SubjectKey,
  type SubjectKeys,
  type SubjectRecord,
} from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';

const BYTES = 32;

/** Encryption keys of subjects, in the schema `parley` of an installation. */
export class PostgresSubjectKeys implements SubjectKeys {
  constructor(
    private readonly database: Database,
    /** True when the database was opened for the key store alone. */
    private readonly own: boolean,
  ) {}

  async connect(): Promise<void> {
    await this.database.installation();
  }

  async of(subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    const names = subjects.map(storable);
    const rows = await this.database.call<Row & { readonly subject: string }>(OF, [
      names,
      names.map(() => randomUUID()),
      names.map(() => randomBytes(BYTES)),
    ]);
    const found = new Map(rows.map((row) => [row.subject, keyOf(row)]));
    return new Map(subjects.map((subject) => [subject, found.get(storable(subject))!]));
  }

  async byId(ids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    const rows = await this.database.call<Row>(BY_ID, [ids]);
    return new Map(rows.map((row) => [row.id, keyOf(row)]));
  }

  async current(life: number): Promise<SubjectKey> {
    const [row] = await this.database.call<Row>(CURRENT, [life, randomUUID(), randomBytes(BYTES)]);
    return keyOf(row!);
  }

  async erase(
    subject: string,
    { who, reason }: Decision,
  ): Promise<'erased' | 'erased before' | 'unknown'> {
    const [row] = await this.database.call<{ outcome: 'erased' | 'erased before' | 'unknown' }>(
      ERASE,
      [storable(subject), storable(who), reason === undefined ? null : storable(reason)],
    );
    return row!.outcome;
  }

  async find(subject: string): Promise<SubjectRecord | undefined> {
    const [row] = await this.database.call<{
      since: Date;
      erased: Date | null;
      who: string | null;
      reason: string | null;
    }>(FIND, [storable(subject)]);
    if (!row) return undefined;
    const { since, erased: at, who, reason } = row;
    return at === null
      ? { since }
      : { since, erased: { at, who: who!, ...(reason !== null && { reason }) } };
  }

  async close(): Promise<void> {
    if (this.own) await this.database.close();
  }
}

type Row = { readonly id: string; readonly secret: Buffer | null };

const keyOf = ({ id, secret }: Row): SubjectKey => (secret === null ? { id } : { id, secret });

const OF: Statement = {
  name: 'parley_subject_keys',
  text: 'select * from parley.subject_keys($1, $2, $3)',
};
const BY_ID: Statement = { name: 'parley_keys_by_id', text: 'select * from parley.keys_by_id($1)' };
const CURRENT: Statement = {
  name: 'parley_secret_key',
  text: 'select * from parley.secret_key($1, $2, $3)',
};
const ERASE: Statement = {
  name: 'parley_erase_subject',
  text: 'select parley.erase_subject($1, $2, $3) outcome',
};
const FIND: Statement = {
  name: 'parley_find_subject',
  text: 'select * from parley.find_subject($1)',
};
