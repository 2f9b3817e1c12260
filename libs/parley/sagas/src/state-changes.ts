import { storable } from '@parley/messaging/transport';
import type { Definition } from './definition';
import type { StateChange } from './saga-store';

/** Fields of one step that the history keeps. */
const MOST_CHANGES = 20;
/** Characters of a value. */
const MOST_CHARACTERS = 200;

/** The fields of a stored state that a step changed, without those that people are not shown. */
export function changesOf(
  { hidden: { personal, secret } }: Pick<Definition, 'hidden'>,
  before: unknown,
  after: unknown,
): readonly StateChange[] {
  const hidden = Object.keys({ ...personal?.fields, ...secret?.fields });
  const changes: StateChange[] = [];
  collect({ before, after, path: '', hidden }, changes);
  return changes;
}

interface Place {
  readonly before: unknown;
  readonly after: unknown;
  readonly path: string;
  /** Paths within the state: `customer.email`. */
  readonly hidden: readonly string[];
}

function collect({ before, after, path, hidden }: Place, changes: StateChange[]): void {
  if (before === after || changes.length === MOST_CHANGES || hidden.includes(path)) return;
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const inner = path === '' ? name : `${path}.${name}`;
      collect({ before: before[name], after: after[name], path: inner, hidden }, changes);
    }
    return;
  }
  // A value that came or went as a whole, with a hidden field in it.
  if (hidden.some((one) => one.startsWith(`${path}.`))) return;
  const [from, to] = [textOf(before), textOf(after)];
  if (from !== to)
    changes.push({
      field: storable(path),
      ...(from !== undefined && { from: shortened(from) }),
      ...(to !== undefined && { to: shortened(to) }),
    });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const textOf = (value: unknown): string | undefined => JSON.stringify(value) as string | undefined;

const shortened = (text: string): string =>
  text.length > MOST_CHARACTERS ? `${storable(text.slice(0, MOST_CHARACTERS - 1))}…` : text;
