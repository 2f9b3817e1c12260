/** A difference of two JSON documents, at the path of a field: `lines.0.quantity`. */
export interface Change {
  readonly path: string;
  readonly kind: 'changed' | 'added' | 'removed';
  readonly before?: string;
  readonly after?: string;
}

/** The differences of two documents, field by field. */
export const changesOf = (before: unknown, after: unknown): readonly Change[] => [
  ...differences('', before, after),
];

/** JSON, or the sentence that says what is wrong with it. */
export function parsed(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `This is no JSON: ${(error as Error).message}` };
  }
}

function* differences(path: string, before: unknown, after: unknown): Generator<Change> {
  if (Object.is(before, after)) return;
  if (!isNode(before) || !isNode(after) || Array.isArray(before) !== Array.isArray(after)) {
    yield { path, kind: 'changed', before: shown(before), after: shown(after) };
    return;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const place = path === '' ? name : `${path}.${name}`;
    if (!Object.hasOwn(after, name))
      yield { path: place, kind: 'removed', before: shown(before[name]) };
    else if (!Object.hasOwn(before, name))
      yield { path: place, kind: 'added', after: shown(after[name]) };
    else yield* differences(place, before[name], after[name]);
  }
}

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const shown = (value: unknown): string => JSON.stringify(value) ?? 'undefined';
