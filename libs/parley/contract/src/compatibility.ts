import type { ContractSchema, JsonSchema } from './contract-schema';
import type { Personal } from './personal';

/*
 * Incompatibilities of a contract change while both versions are alive: messages sent before it
 * are stored or under way, and instances with the old schema still run.
 */

/** A change that needs a new version of its contract. */
export interface Break {
  /** `payload.lines[].sku`, `reply.total`, `errors.unknown-sku.line`, `key`. */
  readonly field: string;
  /**
   * 'old messages': the new schema refuses messages that were sent or stored under the old
   * one. 'old readers': instances with the old schema refuse, or misread, messages sent under
   * the new one.
   */
  readonly breaks: 'old messages' | 'old readers';
  /** `was removed`. */
  readonly what: string;
}

/** How the set of values changed that a schema takes. */
interface Change {
  readonly field: string;
  readonly to: 'narrower' | 'wider' | 'missing';
  readonly what: string;
}

/**
 * Everything that the change from `before` to `after` breaks. A schema that the owner reads
 * (commands, requests) may accept more than before, because the owner is deployed before its
 * senders. A schema that the owner writes (events, broadcasts, replies, errors) may not.
 */
export function breaksOf(before: ContractSchema, after: ContractSchema): readonly Break[] {
  if (before.kind !== after.kind)
    return both(
      'kind',
      `was ${before.kind}, is ${after.kind}; a kind is for good, so take a new name`,
    );
  const ownerReads = before.kind === 'command' || before.kind === 'call';
  const payload = changesOf(
    before.payload,
    after.payload,
    before.kind === 'call' ? 'request' : 'payload',
  );
  return [
    ...traits(before, after),
    ...payload.flatMap((change) => judged(change, ownerReads)),
    ...answered(before, after).flatMap((change) => judged(change, false)),
  ];
}

/**
 * Why messages of an older version cannot be read under a newer one: the newer one neither
 * upcasts them nor accepts them unchanged. Calls are not stored: a caller of an older version is
 * told that its request is invalid.
 */
export function unreadOf(older: ContractSchema, newer: ContractSchema): readonly Break[] {
  if (newer.kind === 'call' || newer.upcasts?.includes(older.version)) return [];
  return breaksOf(older, newer).filter(({ breaks }) => breaks === 'old messages');
}

/** Callers that were built with the longer one rely on it. */
function shorter(before: number | undefined, after: number | undefined): readonly Break[] {
  if (before === undefined || after === undefined || after >= before) return [];
  return [
    {
      field: 'deadline',
      breaks: 'old readers',
      what: `was ${before} ms, is ${after} ms: what was answered in time may be given up now`,
    },
  ];
}

function traits(before: ContractSchema, after: ContractSchema): readonly Break[] {
  const key =
    before.key === after.key
      ? []
      : both(
          'key',
          `was ${before.key ?? 'none'}, is ${after.key ?? 'none'}: messages of one lane would overtake each other`,
        );
  const lost = before.idempotent === true && after.idempotent === false;
  const found = [
    ...key,
    ...shorter(before.deadline, after.deadline),
    ...personalTraits(before.personal, after.personal),
    ...sealedTraits('secret', before.secret, after.secret),
  ];
  return lost
    ? [
        ...found,
        {
          field: 'idempotent',
          breaks: 'old readers',
          what: 'was true: callers ask again when an answer is lost',
        },
      ]
    : found;
}

/**
 * A field that becomes personal or secret: new readers read old messages unchanged, old readers
 * cannot decrypt new ones. A field that is no longer personal or secret is still encrypted in
 * old messages.
 */
function sealedTraits(
  sort: 'personal' | 'secret',
  before: Sealed,
  after: Sealed,
): readonly Break[] {
  const [old, now] = [Object.keys(before?.fields ?? {}), Object.keys(after?.fields ?? {})];
  const fresh = now
    .filter((path) => !old.includes(path))
    .map((path): Break => ({
      field: `${sort}.${path}`,
      breaks: 'old readers',
      what: `is ${sort} now: they find it encrypted`,
    }));
  const lost = old
    .filter((path) => !now.includes(path))
    .map((path): Break => ({
      field: `${sort}.${path}`,
      breaks: 'old messages',
      what: `is ${sort} no longer: in them it is encrypted`,
    }));
  return [...fresh, ...lost];
}

type Sealed = { readonly fields: Readonly<Record<string, unknown>> } | undefined;

/**
 * Another subject: messages sent under the former subject stay encrypted with the former one's
 * key.
 */
function personalTraits(
  before: Personal | undefined,
  after: Personal | undefined,
): readonly Break[] {
  const moved = before && after && before.subject !== after.subject;
  return [
    ...sealedTraits('personal', before, after),
    ...(moved
      ? both(
          'personal.subject',
          `was ${before.subject}, is ${after.subject}: erasing one would not erase what was said of the other`,
        )
      : []),
  ];
}

function answered(before: ContractSchema, after: ContractSchema): readonly Change[] {
  const errors = Object.entries(before.errors ?? {}).flatMap(
    ([code, details]): readonly Change[] => {
      const now = after.errors?.[code];
      return now
        ? changesOf(details, now, `errors.${code}`)
        : [{ field: `errors.${code}`, to: 'missing', what: 'was removed: callers tell it apart' }];
    },
  );
  return [...changesOf(before.reply ?? {}, after.reply ?? {}, 'reply'), ...errors];
}

function judged({ field, to, what }: Change, ownerReads: boolean): readonly Break[] {
  if (to === 'missing') return both(field, what);
  if (to === 'narrower') return [{ field, breaks: 'old messages', what }];
  return ownerReads ? [] : [{ field, breaks: 'old readers', what }];
}

const both = (field: string, what: string): readonly Break[] =>
  (['old messages', 'old readers'] as const).map((breaks) => ({ field, breaks, what }));

type Schemas = { readonly before: JsonSchema; readonly after: JsonSchema };

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
      ...unknown(schemas, field),
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

const changesOf = (before: JsonSchema, after: JsonSchema, field: string): readonly Change[] =>
  new Comparison({ before, after }).compare(before, after, field);

function added(field: string, required: boolean, wasClosed: boolean): readonly Change[] {
  const closed: readonly Change[] = wasClosed
    ? [{ field, to: 'wider', what: 'was added, where other fields are refused' }]
    : [];
  return required
    ? [...closed, { field, to: 'narrower', what: 'was added and is required' }]
    : closed;
}

function typeChange({ before, after }: Schemas, field: string): readonly Change[] {
  const [old, now] = [before['type'], after['type']];
  if (old === now) return [];
  if (now === undefined || (old === 'integer' && now === 'number'))
    return [{ field, to: 'wider', what: `takes ${now === undefined ? 'any type' : 'any number'}` }];
  if (old === undefined || (old === 'number' && now === 'integer'))
    return [{ field, to: 'narrower', what: `takes only ${String(now)} now` }];
  return differs(field, `was ${String(old)}, is ${String(now)}`);
}

/** The listed values: those of an enum, or the one of a literal. */
function values({ before, after }: Schemas, field: string): readonly Change[] {
  const [old, now] = [spelt(before), spelt(after)];
  if (old && now) {
    const lost = old
      .filter((value) => !now.includes(value))
      .map((value): Change => ({ field, to: 'narrower', what: `no longer takes ${value}` }));
    return [
      ...lost,
      ...now
        .filter((value) => !old.includes(value))
        .map((value): Change => ({ field, to: 'wider', what: `takes ${value}, too` })),
    ];
  }
  if (old) return [{ field, to: 'wider', what: `takes more than ${old.join(', ')}` }];
  return now ? [{ field, to: 'narrower', what: `takes only ${now.join(', ')} now` }] : [];
}

const LOWER = {
  minLength: 'minLength',
  minItems: 'minItems',
  minProperties: 'minProperties',
  minimum: 'exclusiveMinimum',
} as const;
const UPPER = {
  maxLength: 'maxLength',
  maxItems: 'maxItems',
  maxProperties: 'maxProperties',
  maximum: 'exclusiveMaximum',
} as const;

function bounds({ before, after }: Schemas, field: string): readonly Change[] {
  const lower = Object.entries(LOWER).map(([bound, exclusive]) =>
    bounded(field, bound, -least(before, bound, exclusive, 1), -least(after, bound, exclusive, 1)),
  );
  const upper = Object.entries(UPPER).map(([bound, exclusive]) =>
    bounded(field, bound, least(before, bound, exclusive, -1), least(after, bound, exclusive, -1)),
  );
  return [...lower, ...upper].flat();
}

/**
 * The bound, as a number that is smaller the more it forbids, once its sign is turned for lower
 * ones. An exclusive one is a hair tighter.
 */
function least(schema: JsonSchema, bound: string, exclusive: string, side: 1 | -1): number {
  const candidates = [
    schema[bound] as number | undefined,
    exclusive === bound ? undefined : tighter(schema[exclusive] as number | undefined, side),
  ];
  const known = candidates.filter((candidate) => candidate !== undefined);
  if (known.length === 0) return side === 1 ? -Infinity : Infinity;
  return side === 1 ? Math.max(...known) : Math.min(...known);
}

const tighter = (value: number | undefined, side: 1 | -1) =>
  value === undefined ? undefined : value + side * Math.max(Math.abs(value), 1) * Number.EPSILON;

function bounded(field: string, bound: string, old: number, now: number): readonly Change[] {
  if (old === now) return [];
  return [
    {
      field,
      to: now < old ? 'narrower' : 'wider',
      what: `has ${now < old ? 'a tighter' : 'a looser'} ${bound}`,
    },
  ];
}

/** A pattern or format that is another one may take and refuse anything. */
function texts({ before, after }: Schemas, field: string): readonly Change[] {
  // zod writes the pattern of a format beside the format.
  const keyword = before['format'] !== after['format'] ? 'format' : 'pattern';
  const found = (
    [keyword, 'contentEncoding', 'contentMediaType', 'multipleOf', 'uniqueItems'] as const
  ).flatMap((name) => replaced(name, before[name], after[name], field));
  return [...found, ...allOf({ before, after }, field)];
}

function replaced(name: string, old: unknown, now: unknown, field: string): readonly Change[] {
  if (same(old, now)) return [];
  if (now === undefined) return [{ field, to: 'wider', what: `has no ${name} any more` }];
  if (old === undefined)
    return [{ field, to: 'narrower', what: `has the ${name} ${String(now)} now` }];
  return differs(field, `has another ${name}: was ${String(old)}, is ${String(now)}`);
}

function allOf({ before, after }: Schemas, field: string): readonly Change[] {
  const [old, now] = [before, after].map((schema) =>
    ((schema['allOf'] as JsonSchema[] | undefined) ?? []).map((one) => canonical(one)),
  ) as [string[], string[]];
  const more = now
    .filter((one) => !old.includes(one))
    .map((one): Change => ({ field, to: 'narrower', what: `must be ${one}, too` }));
  return [
    ...more,
    ...old
      .filter((one) => !now.includes(one))
      .map((one): Change => ({ field, to: 'wider', what: `need not be ${one} any more` })),
  ];
}

const JUDGED = new Set([
  ...[
    'type',
    'enum',
    'const',
    'properties',
    'required',
    'additionalProperties',
    'propertyNames',
    'items',
    'prefixItems',
    'anyOf',
    'oneOf',
    'allOf',
    '$ref',
    '$defs',
  ],
  ...[
    'format',
    'pattern',
    'contentEncoding',
    'contentMediaType',
    'multipleOf',
    'uniqueItems',
    ...Object.entries({ ...LOWER, ...UPPER }).flat(),
  ],
  // For people only.
  ...[
    '$id',
    'id',
    'title',
    'description',
    'default',
    'examples',
    'deprecated',
    'readOnly',
    'writeOnly',
  ],
]);

/** Keywords that these rules do not know count as breaking. */
function unknown({ before, after }: Schemas, field: string): readonly Change[] {
  const keywords = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (keyword) => !JUDGED.has(keyword),
  );
  return keywords
    .filter((keyword) => !same(before[keyword], after[keyword]))
    .flatMap((keyword) => differs(field, `has another ${keyword}`));
}

const differs = (field: string, what: string): readonly Change[] =>
  (['narrower', 'wider'] as const).map((to) => ({ field, to, what }));

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const place = reference.split('/').slice(1);
  const found = place.reduce<unknown>(
    (at, name) => (at as Record<string, unknown> | undefined)?.[name],
    root,
  ) as JsonSchema | undefined;
  return found ? resolved(found, root) : schema;
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const given = (schema['anyOf'] ?? schema['oneOf']) as readonly JsonSchema[] | undefined;
  if (given) return given.flatMap(alternatives);
  const type = schema['type'];
  return Array.isArray(type) ? type.map((one: string) => ({ ...schema, type: one })) : [schema];
}

function spelt(schema: JsonSchema): readonly string[] | undefined {
  if ('const' in schema) return [JSON.stringify(schema['const'])];
  return (schema['enum'] as unknown[] | undefined)?.map((value) => JSON.stringify(value));
}

const propertiesOf = (schema: JsonSchema) =>
  (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
const requires = (schema: JsonSchema, name: string): boolean =>
  ((schema['required'] ?? []) as string[]).includes(name);
const tuple = (schema: JsonSchema) => (schema['prefixItems'] ?? []) as readonly JsonSchema[];
const rest = (schema: JsonSchema) =>
  (typeof schema['items'] === 'object' ? schema['items'] : {}) as JsonSchema;

function others(schema: JsonSchema): JsonSchema | false {
  const given = schema['additionalProperties'];
  if (given === false) return false;
  return typeof given === 'object' ? (given as JsonSchema) : {};
}

/** The same text for equal values: the order of fields does not count. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join()}}`;
}

const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

const shown = (schema: JsonSchema): string =>
  spelt(schema)?.join(', ') ?? String(schema['format'] ?? schema['type'] ?? 'anything');
