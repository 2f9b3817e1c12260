import { masked } from '@parley/messaging/transport';
import type { Definition } from './definition';
import type { StateChange } from './saga-store';

/** Fields of one step that the history keeps. */
const MOST_CHANGES = 20;
/** Characters of a value. */
const MOST_CHARACTERS = 200;

/** What a step changed of a stored state, without the fields that people are not shown. */
export function changesOf(
  { hidden }: Pick<Definition, 'hidden'>,
  before: unknown,
  after: unknown,
): readonly StateChange[] {
  const shown = (state: unknown) =>
    (hidden.personal ?? hidden.secret) && state !== undefined
      ? masked(structuredClone(state), hidden)
      : state;
  const changes: StateChange[] = [];
  collect(shown(before), shown(after), '', changes);
  return changes.slice(0, MOST_CHANGES);
}

function collect(before: unknown, after: unknown, path: string, changes: StateChange[]): void {
  if (changes.length > MOST_CHANGES || before === after) return;
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
      collect(before[name], after[name], path === '' ? name : `${path}.${name}`, changes);
    return;
  }
  if (path === '') return; // a start: the state is all new
  const [from, to] = [textOf(before), textOf(after)];
  if (from !== to)
    changes.push({ field: path, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }); // prettier-ignore
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function textOf(value: unknown): string | undefined {
  const text = JSON.stringify(value) as string | undefined;
  return text !== undefined && text.length > MOST_CHARACTERS
    ? `${text.slice(0, MOST_CHARACTERS - 1)}…`
    : text;
}
