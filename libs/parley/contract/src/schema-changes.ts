import type { JsonSchema } from './contract-schema';
import {
  alternatives,
  others,
  propertiesOf,
  requires,
  resolved,
  rest,
  same,
  shown,
  tuple,
} from './json-schema';
import {
  bounds,
  type Change,
  type Schemas,
  texts,
  typeChange,
  unknownKeywords,
  values,
} from './keyword-changes';

/**
 * One comparison of two documents. It remembers the pairs under comparison, because schemas may
 * contain themselves.
 */
class Comparison {
  private readonly underway = new Set<string>();

  constructor(private readonly roots: Schemas) {}

  compare(before: JsonSchema, after: JsonSchema, field: string): readonly Change[] {
    const pair = `${String(before['$ref'])} ${String(after['$ref'])}`;
    const recursive = before['$ref'] !== undefined || after['$ref'] !== undefined;
    if (recursive && this.underway.has(pair)) return [];
    this.underway.add(pair);
    const changes = this.compareResolved(
      { before: resolved(before, this.roots.before), after: resolved(after, this.roots.after) },
      field,
    );
    this.underway.delete(pair);
    return changes;
  }

  private compareResolved(schemas: Schemas, field: string): readonly Change[] {
    const { before, after } = schemas;
    if (same(before, after))
      return this.mayDifferInside(schemas) ? this.compareSame(schemas, field) : [];
    if (alternatives(before).length > 1 || alternatives(after).length > 1)
      return this.compareAlternatives(schemas, field);
    return this.compareSame(
      { before: alternatives(before)[0]!, after: alternatives(after)[0]! },
      field,
    );
  }

  /** Equal texts, but the definitions that they refer to may differ. */
  private mayDifferInside({ before }: Schemas): boolean {
    return (
      JSON.stringify(before).includes('"$ref"') &&
      !same(this.roots.before['$defs'], this.roots.after['$defs'])
    );
  }

  /** An alternative is kept when another one accepts at least the same values. */
  private compareAlternatives({ before, after }: Schemas, field: string): readonly Change[] {
    const takes = (taken: JsonSchema, by: JsonSchema) =>
      this.compare(taken, by, field).every(({ to }) => to === 'wider');
    const taken = (given: JsonSchema, by: JsonSchema) =>
      this.compare(by, given, field).every(({ to }) => to === 'narrower');
    const lost = alternatives(before).filter(
      (old) => !alternatives(after).some((now) => takes(old, now)),
    );
    const added = alternatives(after).filter(
      (now) => !alternatives(before).some((old) => taken(now, old)),
    );
    return [
      ...lost.map((one): Change => ({
        field,
        to: 'narrower',
        what: `no longer takes ${shown(one)}`,
      })),
      ...added.map((one): Change => ({ field, to: 'wider', what: `takes ${shown(one)}, too` })),
    ];
  }

  private compareSame(schemas: Schemas, field: string): readonly Change[] {
    const type = typeChange(schemas, field);
    if (type.some(({ what }) => what.startsWith('was '))) return type;
    return [
      ...type,
      ...values(schemas, field),
      ...bounds(schemas, field),
      ...texts(schemas, field),
      ...this.fields(schemas, field),
      ...this.items(schemas, field),
      ...unknownKeywords(schemas, field),
    ];
  }

  private fields(schemas: Schemas, field: string): readonly Change[] {
    const { before, after } = schemas;
    const [old, now] = [propertiesOf(before), propertiesOf(after)];
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
    return [
      ...names.flatMap((name) => this.property(name, schemas, `${field}.${name}`)),
      ...this.others(schemas, field),
    ];
  }

  private property(name: string, { before, after }: Schemas, field: string): readonly Change[] {
    const [old, now] = [propertiesOf(before)[name], propertiesOf(after)[name]];
    const [needed, needs] = [requires(before, name), requires(after, name)];
    if (!now) return [{ field, to: 'missing', what: 'was removed' }];
    if (!old) return added(field, needs, before['additionalProperties'] === false);
    const presence: readonly Change[] =
      needed === needs
        ? []
        : [
            needs
              ? { field, to: 'narrower', what: 'is required now' }
              : { field, to: 'wider', what: 'is optional now' },
          ];
    return [...presence, ...this.compare(old, now, field)];
  }

  /** Fields without a name of their own: the values of a record. */
  private others({ before, after }: Schemas, field: string): readonly Change[] {
    const [old, now] = [others(before), others(after)];
    if (old === false && now === false) return [];
    if (old === false) return [{ field, to: 'wider', what: 'takes other fields, too' }];
    if (now === false) return [{ field, to: 'narrower', what: 'refuses other fields now' }];
    const names = this.compare(
      (before['propertyNames'] ?? {}) as JsonSchema,
      (after['propertyNames'] ?? {}) as JsonSchema,
      `${field}{name}`,
    );
    return [...names, ...this.compare(old, now, `${field}{}`)];
  }

  private items({ before, after }: Schemas, field: string): readonly Change[] {
    const [first, second] = [tuple(before), tuple(after)];
    const length = Math.max(first.length, second.length);
    const places = Array.from({ length }, (_, index) =>
      this.compare(
        first[index] ?? rest(before),
        second[index] ?? rest(after),
        `${field}[${index}]`,
      ),
    );
    return [...places.flat(), ...this.compare(rest(before), rest(after), `${field}[]`)];
  }
}

export const changesOf = (
  before: JsonSchema,
  after: JsonSchema,
  field: string,
): readonly Change[] => new Comparison({ before, after }).compare(before, after, field);

function added(field: string, required: boolean, wasClosed: boolean): readonly Change[] {
  const closed: readonly Change[] = wasClosed
    ? [{ field, to: 'wider', what: 'was added, where other fields are refused' }]
    : [];
  return required
    ? [...closed, { field, to: 'narrower', what: 'was added and is required' }]
    : closed;
}
