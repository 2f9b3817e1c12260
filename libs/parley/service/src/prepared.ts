import { createHash } from 'node:crypto';

/**
 * Distinct statements that a connection prepares. Further ones (dynamic SQL is unbounded) are sent
 * unprepared.
 */
const MOST = 300;
/** A migration changed the columns of a prepared `select *`: it must be prepared again. */
const OUTDATED = /cached plan must not change result type/;

interface Queryable {
  query: (...args: never[]) => unknown;
}

type Query = (query: unknown, values?: unknown, callback?: unknown) => unknown;

/**
 * Lets a connection of pg prepare every statement that has parameters: PostgreSQL then parses and
 * plans it once a connection, not once a call. Not for poolers that give each transaction another
 * server connection.
 */
export function prepareStatements(client: Queryable): void {
  const names = new Map<string, string>();
  const send = client.query.bind(client) as Query;
  client.query = ((query: unknown, values?: unknown, callback?: unknown) => {
    if (typeof query !== 'string' || !Array.isArray(values) || values.length === 0)
      return send(query, values, callback);
    if (!names.has(query) && names.size >= MOST) return send(query, values, callback);
    const name = names.get(query) ?? nameOf(query);
    names.set(query, name);
    const sent = send({ name, text: query, values }, callback);
    if (sent instanceof Promise)
      sent.catch((error: Error) => OUTDATED.test(error.message) && names.set(query, nameOf(name)));
    return sent;
  }) as never;
}

const nameOf = (text: string): string => createHash('sha1').update(text).digest('base64url');
