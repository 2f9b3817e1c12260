import type { DataSource } from 'typeorm';
import type { HandlingRow, MessageRow, SpanRow } from './rows';
import { type Segment, Segments } from './segments';
import { queryOf, wordsIn } from './words';

/** Of a search: what is not there is not asked for. */
export interface Filter {
  readonly id?: string;
  readonly correlation?: string;
  readonly key?: string;
  readonly trace?: string;
  readonly contract?: string;
  readonly kind?: string;
  /** The service that sent it, or one that handled it. */
  readonly service?: string;
  /** Of one of its handlings. */
  readonly outcome?: string;
  /** Class of the error of one of its handlings. */
  readonly error?: string;
  /** Words of its body. */
  readonly text?: string;
  /** When it was sent, ISO 8601. */
  readonly from?: string;
  readonly to?: string;
}

type FoundHandling = Omit<HandlingRow, 'message'>;

export interface FoundMessage extends MessageRow {
  readonly handlings: readonly FoundHandling[];
}

/** One page of a search, the last sent first within its part of the store. */
export interface Page {
  readonly messages: readonly FoundMessage[];
  /** Where the search goes on; undefined: everything was looked at. */
  readonly next?: string;
  /** Everything that arrived since then was looked at. */
  readonly through?: Date;
}

export interface Batch {
  readonly messages: readonly MessageRow[];
  readonly handlings: readonly HandlingRow[];
  readonly spans: readonly SpanRow[];
}

/** Milliseconds after which a search answers with what it has, and how to go on. */
const PATIENCE_MS = 1_000;
/** A part is written to for a while after it was completed, by consoles that do not know it yet. */
const LATE_MS = 60_000;
/** Messages and spans of one conversation or trace that are shown. */
const MOST_TOGETHER = 1_000;

const MESSAGE_COLUMNS = `id, sent, contract, kind, source, instance, build, key, correlation, causation, trace, bytes, headers, body`;
const HANDLING_COLUMNS = `message, at, service, subscription, instance, build, outcome, attempt, tries, took, waited, error, reason, trace, span`;
const SPAN_COLUMNS = `trace, id, parent, name, kind, service, instance, build, started::float8 as started, took::float8 as took, failed, attributes, links`;

const INSERTS = {
  message: `(segment, sent, id, contract, kind, source, instance, build, key, correlation, causation, trace, bytes, headers, body, words)
    select $2::int, sent, id, contract, kind, source, instance, build, key, correlation, causation, trace, bytes, headers, body, array_to_tsvector(words)
    from json_to_recordset($1::json) as row (sent timestamptz, id text, contract text, kind text, source text, instance text, build text,
      key text, correlation text, causation text, trace text, bytes int, headers json, body text, words text[])`,
  handling: `(segment, at, message, service, subscription, instance, build, outcome, attempt, tries, took, waited, error, reason, trace, span)
    select $2::int, at, message, service, subscription, instance, build, outcome, attempt, tries, took, waited, error, reason, trace, span
    from json_to_recordset($1::json) as row (at timestamptz, message text, service text, subscription text, instance text, build text,
      outcome text, attempt int, tries int, took real, waited real, error text, reason text, trace text, span text)`,
  span: `(segment, started, took, trace, id, parent, name, kind, service, instance, build, failed, attributes, links)
    select $2::int, started, took, trace, id, parent, name, kind, service, instance, build, failed, attributes, links
    from json_to_recordset($1::json) as row (started bigint, took bigint, trace text, id text, parent text, name text, kind text,
      service text, instance text, build text, failed boolean, attributes json, links json)`,
} as const;

/**
 * Messages, their handlings and spans in PostgreSQL, bounded in time and size. A message is in each
 * part of the store in which one of its handlings is.
 */
export class MessageStore {
  constructor(
    private readonly database: DataSource,
    readonly segments: Segments,
  ) {}

  /** All of it, or nothing. A crash of the database may lose what was written a moment before. */
  async write(segment: number, { messages, handlings, spans }: Batch): Promise<void> {
    const withWords = messages.map((message) => ({
      ...message,
      words: message.body === null ? [] : wordsIn(message.body),
    }));
    await this.database.transaction(async (tx) => {
      await tx.query('set local synchronous_commit = off');
      const rows = { message: withWords, handling: handlings, span: spans };
      for (const table of ['message', 'handling', 'span'] as const)
        if (rows[table].length > 0)
          await tx.query(`insert into ${table}_${segment} ${INSERTS[table]}`, [
            JSON.stringify(rows[table]),
            segment,
          ]);
    });
  }

  /** @param after `next` of the page before */
  async search(filter: Filter, limit: number, after?: string): Promise<Page> {
    const began = performance.now();
    const words = filter.text === undefined ? undefined : queryOf(filter.text);
    if (filter.text !== undefined && words === undefined) return { messages: [] };
    const start = positionIn(after);
    const parts = (await this.segments.all()).filter(
      (segment) => isWithin(segment, filter) && segment.id <= start.segment,
    );
    const found = new Map<string, MessageRow>();
    let next: string | undefined;
    let through: Date | undefined;
    for (const [index, { id, since }] of parts.entries()) {
      let position = id === start.segment ? start : undefined;
      for (let isMore = true; isMore && found.size < limit;) {
        const asked = limit - found.size;
        const rows = await this.within(id, { ...filter, words }, asked, position);
        // A message that was handled again later is in two parts.
        for (const row of rows) found.set(row.id, found.get(row.id) ?? row);
        const last = rows.at(-1);
        if (last) position = { segment: id, sent: Date.parse(last.sent), id: last.id };
        isMore = rows.length === asked;
      }
      if (found.size >= limit && position?.sent !== undefined) {
        next = `${id}.${position.sent}.${position.id}`;
        through = new Date(position.sent);
        break;
      }
      through = since;
      const following = parts[index + 1];
      if (following && performance.now() - began > PATIENCE_MS) {
        next = String(following.id);
        break;
      }
    }
    return { messages: await this.withHandlings([...found.values()]), next, through };
  }

  async message(id: string): Promise<FoundMessage | undefined> {
    return (await this.search({ id }, 1)).messages[0];
  }

  /** In the order in which they were sent. */
  conversation(correlation: string): Promise<readonly FoundMessage[]> {
    return this.together({ correlation });
  }

  async trace(trace: string): Promise<{
    readonly spans: readonly SpanRow[];
    readonly messages: readonly FoundMessage[];
  }> {
    const spans = (await this.database.query(
      `select ${SPAN_COLUMNS} from span where trace = $1 order by started limit ${MOST_TOGETHER}`,
      [trace],
    )) as readonly SpanRow[];
    return { spans, messages: await this.together({ trace }) };
  }

  private async together(filter: Filter): Promise<readonly FoundMessage[]> {
    const { messages } = await this.search(filter, MOST_TOGETHER);
    return [...messages].sort((a, b) => Number(a.sent > b.sent) - Number(a.sent < b.sent));
  }

  private async within(
    segment: number,
    filter: Filter & { readonly words?: string },
    limit: number,
    position?: Position,
  ): Promise<readonly MessageRow[]> {
    const values: unknown[] = [];
    const value = (given: unknown) => `$${values.push(given)}`;
    const { service, outcome, error } = filter;
    const exact = (['id', 'correlation', 'key', 'trace', 'contract', 'kind'] as const).flatMap(
      (name) => (filter[name] === undefined ? [] : [`${name} = ${value(filter[name])}`]),
    );
    const handled = (condition: string) =>
      `exists (select from handling_${segment} h where h.message = m.id and ${condition})`;
    const conditions = [
      ...exact,
      ...(filter.words === undefined ? [] : [`words @@ ${value(filter.words)}::tsquery`]),
      ...(filter.from === undefined ? [] : [`sent >= ${value(filter.from)}::timestamptz`]),
      ...(filter.to === undefined ? [] : [`sent < ${value(filter.to)}::timestamptz`]),
      ...(position?.sent === undefined
        ? []
        : [`(sent, id) < (${value(new Date(position.sent))}::timestamptz, ${value(position.id)})`]),
      ...(service === undefined
        ? []
        : [`(source = ${value(service)} or ${handled(`h.service = $${values.length}`)})`]),
      ...(outcome === undefined ? [] : [handled(`h.outcome = ${outcomeIn(outcome)}`)]),
      ...(error === undefined
        ? []
        : [handled(`h.outcome <> 'done' and h.error = ${value(error)}`)]),
    ];
    const rows = (await this.database
      .query(
        `select ${MESSAGE_COLUMNS} from message_${segment} m ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`}
         order by sent desc, id desc limit ${value(limit)}`,
        values,
      )
      .catch(unlessDropped)) as (MessageRow & { sent: string | Date })[];
    return rows.map((row) => ({ ...row, sent: new Date(row.sent).toISOString() }));
  }

  private async withHandlings(messages: readonly MessageRow[]): Promise<readonly FoundMessage[]> {
    if (messages.length === 0) return [];
    const rows = (await this.database.query(
      `select ${HANDLING_COLUMNS} from handling where message = any($1::text[]) order by at`,
      [messages.map(({ id }) => id)],
    )) as HandlingRow[];
    const of = new Map<string, FoundHandling[]>(messages.map(({ id }) => [id, []]));
    for (const { message, at, ...handling } of rows)
      of.get(message)?.push({ ...handling, at: new Date(at).toISOString() });
    return messages.map((message) => ({ ...message, handlings: of.get(message.id)! }));
  }
}

/** Where a search goes on: a part of the store, and the message in it that was the last one. */
interface Position {
  readonly segment: number;
  readonly sent?: number;
  readonly id?: string;
}

function positionIn(after: string | undefined): Position {
  const [, segment, sent, id] = /^(\d{1,9})(?:\.(\d{1,15})\.(.+))?$/.exec(after ?? '') ?? [];
  if (segment === undefined) return { segment: Infinity };
  return { segment: Number(segment), sent: sent === undefined ? undefined : Number(sent), id };
}

/** A message arrives after it was sent. */
const isWithin = ({ until }: Segment, { from }: Filter): boolean =>
  from === undefined || until === null || until.getTime() + LATE_MS >= Date.parse(from);

const OUTCOMES = ['done', 'duplicate', 'retry', 'dead', 'parked', 'ok'];

/** As a literal, from which PostgreSQL sees that the index of failures fits. */
const outcomeIn = (outcome: string): string =>
  OUTCOMES.includes(outcome) ? `'${outcome}'` : `'${outcome.replaceAll(/[^\w-]/g, '')}'`;

const NO_TABLE = '42P01';
/** A part may be dropped while it is searched: it has nothing any more. */
function unlessDropped(error: unknown): readonly [] {
  if ((error as { code?: string }).code === NO_TABLE) return [];
  throw error;
}
