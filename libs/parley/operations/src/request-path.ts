import { UNSTORABLE } from '@parley/messaging/transport';

/** The first part of a path that the process answers itself, apart from the application. */
export type Area = 'health' | 'metrics' | 'operations';

/**
 * The area of a request; undefined: it is the application's. By the letters of the path as they
 * came: the door that lets a request in and the access that asks for a token must see the same.
 */
export const areaOf = (url: string): Area | undefined =>
  /^\/(health|metrics|operations)(?=\/|$|\?)/.exec(url)?.[1] as Area | undefined;

export interface RequestPath {
  readonly parts: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/**
 * Decodes a path and its query. Nothing is resolved: `/health/../operations` names no operation.
 * Undefined: it cannot be read.
 */
export function readPath(url: string): RequestPath | undefined {
  const [path = '', ...rest] = url.split('?');
  try {
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    const query = Object.fromEntries(new URLSearchParams(rest.join('?')));
    const isReadable = ![...parts, ...Object.values(query)].some((text) => UNSTORABLE.test(text));
    return isReadable && !parts.some(isDots) ? { parts, query } : undefined;
  } catch {
    return undefined;
  }
}

/** Other readers of the same path may take them for a step within it. */
const isDots = (part: string): boolean => part === '.' || part === '..';
