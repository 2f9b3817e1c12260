import { z } from 'zod';
import { ContractError } from './contract-error';
import { wireForm } from './wire-format';

/**
 * The personal fields of a contract, and their subject. They leave the service encrypted with a
 * key of that subject. Once the key is destroyed, readers everywhere get the values declared
 * here instead, for good.
 */
export interface Personal {
  /** The payload's field that names the subject: an id, never itself personal. */
  readonly subject: string;
  /**
   * By path (`customer.email`): the value that readers get once the subject was erased, in its
   * form on the wire.
   */
  readonly fields: Readonly<Record<string, unknown>>;
}

type Scalar = string | number | boolean | bigint | symbol | null | undefined;
type Fields<T> =
  NonNullable<T> extends Scalar | readonly unknown[] ? never : keyof NonNullable<T> & string;

/**
 * The paths of a payload, four levels deep: `customer`, `customer.email`. None leads into a list: a
 * list is personal as a whole.
 */
export type PathOf<T, Deep extends readonly unknown[] = [1, 1, 1]> = {
  [F in Fields<T>]: Deep extends readonly [unknown, ...infer Rest]
    ? F | `${F}.${PathOf<NonNullable<T>[F], Rest>}`
    : F;
}[Fields<T>];

/** The type at a path. */
export type At<T, P extends string> = P extends `${infer F}.${infer Rest}`
  ? F extends keyof NonNullable<T>
    ? At<NonNullable<T>[F], Rest>
    : never
  : P extends keyof NonNullable<T>
    ? NonNullable<T>[P]
    : never;

/**
 * The declaration: its paths and values are checked by the compiler, and again while the
 * contract is defined.
 */
export interface PersonalFields<T, Subject extends string> {
  readonly subject: Subject;
  readonly fields: { readonly [P in PathOf<T>]?: At<T, P> };
}

/** @throws ContractError for a path that leads nowhere, or a value that its schema refuses */
export function personalOf(
  contract: string,
  schema: z.ZodType,
  declared: Personal | undefined,
  key: string | undefined,
): Personal | undefined {
  if (declared === undefined) return undefined;
  const { subject, fields } = declared;
  if (!(schemaAt(schema, [subject]) instanceof z.ZodType))
    throw new ContractError(
      `${contract}: personal.subject "${subject}" is no field of its payload`,
    );
  return { subject, fields: checkedFields(contract, 'personal', schema, fields, [subject, key]) };
}

/**
 * The replacement values of encrypted fields, as JSON holds them.
 * @throws ContractError for fields that cannot be encrypted, or values that their schema refuses
 */
export function checkedFields(
  contract: string,
  sort: 'personal' | 'secret',
  schema: z.ZodType,
  fields: Personal['fields'],
  ids: readonly (string | undefined)[],
): Personal['fields'] {
  const paths = Object.keys(fields);
  if (paths.length === 0)
    throw new ContractError(`${contract}: ${sort} names no fields; say which, or leave it out`);
  for (const path of paths)
    refuse(contract, schema, { sort, path, paths, ids, erased: fields[path] });
  return Object.fromEntries(
    paths.map((path) => [path, wireForm(schemaAt(schema, path.split('.'))!, fields[path])]),
  );
}

interface Declared {
  readonly sort: 'personal' | 'secret';
  readonly path: string;
  readonly paths: readonly string[];
  /**
   * Fields that name the subject and the lane. Their values travel outside of the payload,
   * too, where nothing is encrypted.
   */
  readonly ids: readonly (string | undefined)[];
  readonly erased: unknown;
}

function refuse(
  contract: string,
  schema: z.ZodType,
  { sort, path, paths, ids, erased }: Declared,
): void {
  if (ids.includes(path))
    throw new ContractError(
      `${contract}: ${path} names the subject or the lane, so it cannot be ${sort}; use an id that says nothing by itself`,
    );
  const outer = paths.find((other) => path.startsWith(`${other}.`));
  if (outer !== undefined)
    throw new ContractError(
      `${contract}: ${path} lies within ${outer}, which is ${sort} as a whole; keep one of them`,
    );
  const field = schemaAt(schema, path.split('.'));
  if (!field)
    throw new ContractError(`${contract}: ${sort} field "${path}" is no field of its payload`);
  const { success, error } = field.safeParse(erased);
  if (success) return;
  throw new ContractError(
    `${contract}: what is shown for ${path} once erased is not what its schema takes: ${error.issues[0]!.message}`,
  );
}

/** The schema of a field, however its objects are wrapped. */
function schemaAt(schema: z.ZodType, [field, ...rest]: readonly string[]): z.ZodType | undefined {
  if (field === undefined) return schema;
  const object = unwrapped(schema);
  const inner =
    object instanceof z.ZodObject && Object.hasOwn(object.shape, field)
      ? (object.shape[field] as z.ZodType)
      : undefined;
  return inner && schemaAt(inner, rest);
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const wraps =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodDefault;
  return wraps ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}
