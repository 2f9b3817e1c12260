import type { z } from 'zod';
import { ContractError } from './contract-error';
import { milliseconds, type Duration } from './duration';
import { checkedFields, personalOf, type At, type PathOf, type Personal } from './personal';

/**
 * The secret fields of a contract, such as payment tokens and one-time passwords: worth
 * something for a limited time. They leave the service encrypted with a key that is destroyed
 * after that time; operators never see them.
 */
export interface Secret {
  /**
   * By path (`payment.token`): the value shown to operators, and to handlers of events once
   * the key is destroyed.
   */
  readonly fields: Readonly<Record<string, unknown>>;
  /**
   * Milliseconds for which a secret can be read at least; after twice that time it cannot be
   * read.
   */
  readonly life: number;
}

/**
 * The declaration: its paths and values are checked by the compiler, and again while the
 * contract is defined.
 */
export interface SecretFields<T> {
  readonly fields: { readonly [P in PathOf<T>]?: At<T, P> };
  /**
   * How long the secret can be read at least: an hour to 30 days. Choose longer than a message
   * may wait, outages included.
   */
  readonly life: Duration;
}

const SHORTEST_MS = milliseconds('1h');
const LONGEST_MS = milliseconds('30d');

/**
 * @throws ContractError for a path that leads nowhere, a field that is personal too, a value
 * that its schema refuses, or a life outside of an hour to 30 days
 */
export function secretOf(
  contract: string,
  schema: z.ZodType,
  declared: SecretFields<never> | undefined,
  key: string | undefined,
  personal: Personal | undefined,
): Secret | undefined {
  if (declared === undefined) return undefined;
  const fields = declared.fields as Readonly<Record<string, unknown>>;
  const life = milliseconds(declared.life);
  if (life < SHORTEST_MS || life > LONGEST_MS)
    throw new ContractError(`${contract}: secrets live for ${declared.life}; take 1h to 30d`);
  const elsewhere = Object.keys(personal?.fields ?? {});
  const both = Object.keys(fields).find((path) =>
    elsewhere.some(
      (other) => path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`),
    ),
  );
  if (both !== undefined)
    throw new ContractError(`${contract}: ${both} is both personal and secret; keep one of them`);
  return {
    fields: checkedFields(contract, 'secret', schema, fields, [personal?.subject, key]),
    life,
  };
}

/**
 * The personal and secret fields of a saga's state, which has no contract.
 * @throws ContractError as a contract does
 */
export function hiddenIn(
  what: string,
  schema: z.ZodType,
  key: string,
  declared: {
    readonly personal?: { readonly fields: object };
    readonly secret?: SecretFields<never>;
  },
): { readonly personal?: Personal; readonly secret?: Secret } {
  const personal = personalOf(
    what,
    schema,
    declared.personal && { subject: key, fields: declared.personal.fields as Personal['fields'] },
    key,
  );
  const secret = secretOf(what, schema, declared.secret, key, personal);
  return { ...(personal && { personal }), ...(secret && { secret }) };
}
