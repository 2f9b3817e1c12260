import type { JsonSchema } from './contract-schema';
import { canonical, same, spelt } from './json-schema';

/*
 * Changes of single keywords of a schema: types, values, bounds, texts. What is inside of it, its
 * fields and items, is compared in schema-changes.ts.
 */

/** How the set of values changed that a schema takes. */
export interface Change {
  readonly field: string;
  readonly to: 'narrower' | 'wider' | 'missing';
  readonly what: string;
}

export type Schemas = { readonly before: JsonSchema; readonly after: JsonSchema };

export function typeChange({ before, after }: Schemas, field: string): readonly Change[] {
  const [old, now] = [before['type'], after['type']];
  if (old === now) return [];
  if (now === undefined || (old === 'integer' && now === 'number'))
    return [{ field, to: 'wider', what: `takes ${now === undefined ? 'any type' : 'any number'}` }];
  if (old === undefined || (old === 'number' && now === 'integer'))
    return [{ field, to: 'narrower', what: `takes only ${String(now)} now` }];
  return differs(field, `was ${String(old)}, is ${String(now)}`);
}

/** The listed values: those of an enum, or the one of a literal. */
export function values({ before, after }: Schemas, field: string): readonly Change[] {
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

export function bounds({ before, after }: Schemas, field: string): readonly Change[] {
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
export function texts({ before, after }: Schemas, field: string): readonly Change[] {
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
export function unknownKeywords({ before, after }: Schemas, field: string): readonly Change[] {
  const keywords = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (keyword) => !JUDGED.has(keyword),
  );
  return keywords
    .filter((keyword) => !same(before[keyword], after[keyword]))
    .flatMap((keyword) => differs(field, `has another ${keyword}`));
}

const differs = (field: string, what: string): readonly Change[] =>
  (['narrower', 'wider'] as const).map((to) => ({ field, to, what }));
