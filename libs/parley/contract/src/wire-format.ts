import { z } from 'zod';
import { ContractError } from './contract-error';
import { textFormOf } from './wire';

/**
 * Facts about a schema that hold for all its messages: a sender uses them to be sure that every
 * reader will accept a message.
 */
export interface WireFormat {
  /** Every value that the schema accepts survives JSON: no message needs a proof of its own. */
  readonly plain: boolean;
  /** The handler's value differs from the one on the wire. */
  readonly encoded: boolean;
  /** Levels of nesting of the deepest value; Infinity where it may contain itself, or anything. */
  readonly depth: number;
}

const formats = new WeakMap<z.ZodType, WireFormat>();

/**
 * Examines a schema, once.
 * @throws ContractError with the path of a value that JSON cannot carry
 */
export function wireFormatOf(schema: z.ZodType, where = 'payload'): WireFormat {
  const known = formats.get(schema);
  if (known) return known;
  const survey = new Survey();
  const depth = survey.depthOf(schema, where);
  const format = { plain: survey.plain && !survey.encoded, encoded: survey.encoded, depth };
  formats.set(schema, format);
  return format;
}

/**
 * The value as JSON holds it on the wire.
 * @throws the errors of a codec
 */
export const wireForm = (schema: z.ZodType, value: unknown): unknown =>
  wireFormatOf(schema).encoded ? z.encode(schema, value) : value;

const UNCARRIABLE: Readonly<Record<string, string>> = {
  date: 'is a Date; write wire.date(), or z.iso.datetime() for its text',
  bigint: 'is a bigint; write wire.bigint(), or wire.decimal(2) for amounts',
  map: 'is a Map; write z.record(…), or a list of pairs',
  set: 'is a Set; write z.array(…)',
  file: 'is a file; say where it lies instead',
  function: 'is a function',
  promise: 'is a promise',
  symbol: 'is a symbol',
  undefined: 'is always undefined; leave it out, or write .optional() behind what it else is',
  void: 'is void; write z.object({}) for an answer that says nothing',
  nan: 'is NaN; write .nullable() behind a number for one that is not known',
  transform:
    'is transformed one way, so what was sent cannot be read again; write wire.codec(…), which knows both ways',
  success: 'tells of a check only; write z.boolean()',
};

/** Checks that change a text, and change it no further the second time. */
const REPEATABLE = new Set(
  [z.string().trim(), z.string().toLowerCase(), z.string().toUpperCase()].flatMap(({ def }) =>
    overwritesOf(def.checks),
  ),
);

class Survey {
  plain = true;
  encoded = false;
  private readonly inside = new Set<z.core.$ZodType>();

  /** Levels of nesting of the values that a schema accepts. */
  depthOf(schema: z.core.$ZodType, path: string): number {
    if (this.inside.has(schema)) return Infinity;
    this.inside.add(schema);
    this.lookAtChecks(schema);
    const depth = this.depthWithin(schema as z.core.$ZodTypes, path);
    this.inside.delete(schema);
    return depth;
  }

  private depthWithin({ _zod: { def } }: z.core.$ZodTypes, path: string): number {
    const refusal = UNCARRIABLE[def.type];
    if (refusal !== undefined) throw new ContractError(`${path} ${refusal}`);
    switch (def.type) {
      case 'object':
        return (
          1 +
          this.deepest([
            ...Object.entries(def.shape).map(
              ([name, field]) => [field, `${path}.${name}`] as const,
            ),
            ...one(def.catchall, `${path}.*`),
          ])
        );
      case 'array':
        return 1 + this.deepest([item(def.element, `${path}[]`)]);
      case 'tuple':
        return (
          1 +
          this.deepest([
            ...def.items.map((field, index) => item(field, `${path}[${index}]`)),
            ...(def.rest ? [item(def.rest, `${path}[]`)] : []),
          ])
        );
      case 'record':
        return (
          1 +
          this.deepest([
            [def.keyType, `${path}{name}`],
            [def.valueType, `${path}.*`],
          ])
        );
      case 'union':
        return this.deepest(def.options.map((option) => [option, path] as const));
      case 'intersection':
        return this.deepest([
          [def.left, path],
          [def.right, path],
        ]);
      case 'lazy':
        return this.depthOf(laid(def.getter, path), path);
      case 'pipe':
        return this.pipe(def, path);
      case 'literal':
        return this.literals(def.values, path);
      case 'default':
      case 'prefault':
        return this.defaulted(def, path);
      case 'optional':
      case 'nullable':
      case 'nonoptional':
      case 'readonly':
        return this.depthOf(def.innerType, path);
      case 'catch':
        this.plain = false;
        return this.depthOf(def.innerType, path);
      case 'any':
      case 'unknown':
      case 'custom':
        this.plain = false;
        return Infinity;
      default:
        return 0;
    }
  }

  private deepest(parts: readonly (readonly [z.core.$ZodType, string])[]): number {
    return parts.reduce(
      (deepest, [schema, path]) => Math.max(deepest, this.depthOf(schema, path)),
      0,
    );
  }

  private pipe(def: z.core.$ZodPipeDef, path: string): number {
    const bothWays = 'reverseTransform' in def && def.reverseTransform !== undefined;
    if (!bothWays)
      return this.deepest([
        [def.in, path],
        [def.out, path],
      ]);
    this.encoded = true;
    return this.depthOf(textFormOf(def.in) ?? def.in, path);
  }

  private literals(values: readonly unknown[], path: string): number {
    const odd = values.find(
      (value) =>
        typeof value === 'bigint' ||
        value === undefined ||
        (typeof value === 'number' && !Number.isFinite(value)),
    );
    if (values.includes(odd) && odd !== null)
      throw new ContractError(`${path} may be ${String(odd)}, which JSON cannot carry`);
    return 0;
  }

  /** zod fills in a default without checking it, so it is checked here. */
  private defaulted(def: z.core.$ZodDefaultDef | z.core.$ZodPrefaultDef, path: string): number {
    const depth = this.depthOf(def.innerType, path);
    const checked = z.safeParse(def.innerType, def.defaultValue);
    if (!checked.success)
      throw new ContractError(
        `${path} has a default that its own schema refuses: ${checked.error.issues[0]?.message}`,
      );
    return depth;
  }

  /**
   * A check may change the value: the changed value is sent, and need not fit the checks
   * before.
   */
  private lookAtChecks({ _zod: { def } }: z.core.$ZodType): void {
    if (def.checks?.some(mayChange)) this.plain = false;
    const overwrites = overwritesOf(def.checks);
    const first = def.checks?.slice(0, overwrites.length) ?? [];
    if (
      overwrites.some((one) => !REPEATABLE.has(one)) ||
      overwritesOf(first).length < overwrites.length
    )
      this.plain = false;
  }
}

/** `.check(…)` and `.superRefine(…)` can replace the value; `.refine(…)` cannot. */
const mayChange = ({ _zod: { def } }: z.core.$ZodCheck): boolean =>
  def.check === 'custom' && !('fn' in def);

/** The sources of the functions by which checks change a text. */
function overwritesOf(checks: readonly z.core.$ZodCheck[] | undefined): readonly string[] {
  return (checks ?? [])
    .map(({ _zod: { def } }) => def)
    .filter((def): def is z.core.$ZodCheckOverwriteDef => def.check === 'overwrite')
    .map(({ tx }) => String(tx));
}

/** JSON writes null for an undefined item of a list. */
function item(schema: z.core.$ZodType, path: string): readonly [z.core.$ZodType, string] {
  if (mayLack(schema as z.core.$ZodTypes))
    throw new ContractError(
      `${path} may be undefined, for which JSON writes null; write .nullable() instead`,
    );
  return [schema, path];
}

function mayLack(schema: z.core.$ZodTypes, within: ReadonlySet<unknown> = new Set()): boolean {
  if (within.has(schema)) return false;
  const inside = new Set([...within, schema]);
  const lacks = (part: z.core.$ZodType) => mayLack(part as z.core.$ZodTypes, inside);
  const { def } = schema._zod;
  switch (def.type) {
    case 'optional':
      return !(schema instanceof z.ZodExactOptional);
    case 'union':
      return def.options.some(lacks);
    case 'intersection':
      return lacks(def.left) && lacks(def.right);
    case 'pipe':
      return lacks(def.in) && lacks(def.out);
    case 'lazy':
      return lacks(def.getter());
    case 'nullable':
    case 'readonly':
      return lacks(def.innerType);
    default:
      return false;
  }
}

const one = (schema: z.core.$ZodType | undefined, path: string) =>
  schema ? [[schema, path] as const] : [];

function laid(getter: () => z.core.$ZodType, path: string): z.core.$ZodType {
  try {
    return getter();
  } catch (error) {
    throw new ContractError(
      `${path} refers to a schema that is not there yet; define that one first (${(error as Error).message})`,
    );
  }
}
