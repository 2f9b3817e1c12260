/*
 * The words, one meaning each:
 *   contract   the definition of a message: a kind, a wire name, a schema. A value, with a type of the
 *              same name.
 *   kind       how it is sent, for good: call (synchronous), command (queue), broadcast
 *              (publish/subscribe), event (log). A stream is a call with many replies, its items.
 *   owner      the service named first in the contract's name: it answers the calls, handles the
 *              commands, publishes the broadcasts and events.
 *   message    an envelope and a payload.
 *   key        the field that names a message's lane by its value: messages of one lane are handled
 *              in order.
 */
import { z } from 'zod';
import {
  resilienceOf,
  type CallResilience,
  type ResilienceDefinition,
  type StreamResilience,
} from './call-resilience';
import { ContractError } from './contract-error';
import { milliseconds, type Duration } from './duration';
import { personalOf, type Personal, type PersonalFields } from './personal';
import { secretOf, type Secret, type SecretFields } from './secret';
import { wireFormatOf } from './wire-format';

export type Kind = 'call' | 'command' | 'broadcast' | 'event';

/**
 * The definition of a message, as a value. Made by `call`, `stream`, `command`, `broadcast` and `event`;
 * never by hand.
 */
export interface Contract<K extends Kind = Kind, In = unknown, Sent = unknown> {
  readonly kind: K;
  /**
   * The wire name, `owner.name`: `owner.verb-noun` for calls and commands, `owner.noun-verbed` for
   * broadcasts and events.
   */
  readonly name: string;
  readonly owner: string;
  /** The schema's version, from 1. It travels with every message. */
  readonly version: number;
  readonly payload: z.ZodType<In, Sent>;
  /** The payload's field that names its lane. Events always have one. */
  readonly key?: string;
  /**
   * Functions that turn payloads of older versions into the current one, by version. Calls
   * have none: no call is stored.
   */
  readonly upcasts?: Upcasts;
  /**
   * The fields about a person, and the subject they are about. Calls have none: they are
   * stored nowhere.
   */
  readonly personal?: Personal;
  /** Fields that are secrets with a limited life. Calls have none: they are stored nowhere. */
  readonly secret?: Secret;
}

/** A request that one instance of the owner answers now: a call or a stream. */
export interface Question<
  In = unknown,
  Errors extends CallErrors = CallErrors,
  Sent = unknown,
> extends Contract<'call', In, Sent> {
  /** Errors that callers can distinguish, by code, with the schema of their details. */
  readonly errors: Errors;
  /** Milliseconds a caller waits when its own budget does not end earlier. Default 5,000. */
  readonly deadline: number;
  /**
   * True when two calls have the same effect as one; only then is a call without a reply made
   * again.
   */
  readonly idempotent: boolean;
  /** How it fails, where the contract says more than the defaults. */
  readonly resilience: CallResilience;
}
/** Answered by one reply. */
export interface Call<
  In = unknown,
  Out = unknown,
  Errors extends CallErrors = CallErrors,
  Sent = unknown,
  Answered = unknown,
> extends Question<In, Errors, Sent> {
  readonly reply: z.ZodType<Out, Answered>;
}
/** Answered by items, one after the other. It reads, so it may always be asked for again. */
export interface Stream<
  In = unknown,
  Item = unknown,
  Errors extends CallErrors = CallErrors,
  Sent = unknown,
  Yielded = unknown,
> extends Question<In, Errors, Sent> {
  readonly item: z.ZodType<Item, Yielded>;
  readonly idempotent: true;
  /** Milliseconds until the first item, and from each to the next; undefined: any time. */
  readonly silence?: number;
}
export interface Command<
  In = unknown,
  Key extends string | undefined = string | undefined,
  Sent = unknown,
> extends Contract<'command', In, Sent> {
  readonly key: Key extends string ? Key : undefined;
  /** True: one that is sent while a call is answered expires at the deadline of that call. */
  readonly expiresWithCaller?: boolean;
}
export type Broadcast<In = unknown, Sent = unknown> = Contract<'broadcast', In, Sent>;
export interface Event<In = unknown, Sent = unknown> extends Contract<'event', In, Sent> {
  readonly key: string;
}
export type CallErrors = Readonly<Record<string, z.ZodType<object>>>;

/**
 * The payload of a contract, as a handler gets it: `type OrderPlaced = Message<typeof
 * OrderPlaced>`.
 */
export type Message<C extends { payload: z.ZodType }> = z.output<C['payload']>;
/** The payload as a sender passes it: fields with a default may be left out. */
export type MessageInput<C extends { payload: z.ZodType }> = z.input<C['payload']>;
/** The reply of a call, as the caller gets it. */
export type ReplyOf<C> = C extends { reply: z.ZodType<infer Out> } ? Out : void;
/** The reply of a call, as its handler returns it: fields with a default may be left out. */
export type ReplyInputOf<C> = C extends { reply: infer R extends z.ZodType } ? z.input<R> : void;
/** An item of a stream, as the caller gets it. */
export type ItemOf<C> = C extends { item: z.ZodType<infer Out> } ? Out : never;
/** An item of a stream, as its handler yields it: fields with a default may be left out. */
export type ItemInputOf<C> = C extends { item: infer R extends z.ZodType } ? z.input<R> : never;
/** The codes of a call's own errors. */
export type ErrorCodeOf<C> = C extends { errors: infer E } ? keyof E & string : never;
/** The details that travel with one of a call's errors. */
export type ErrorDetails<C, Code> = C extends { errors: infer E }
  ? Code extends keyof E
    ? E[Code] extends z.ZodType<infer D>
      ? D
      : never
    : never
  : never;

/**
 * Upcasts by the older version: each turns a payload of that version, as parsed from JSON, into
 * one of the current version. Pure: it runs each time the message is read.
 */
export type Upcasts<Current = unknown> = Readonly<Record<number, Upcast<Current>>>;
/** Only the author of an upcast knows the old payload: `old` may be given any object type. */
type Upcast<Current> = { by(old: Readonly<Record<string, unknown>>): Current }['by'];

/**
 * Longest contract name and longest owner, in characters: names of queues, channels and topics
 * are made of them.
 */
const [MAX_NAME, MAX_OWNER] = [128, 40];

type ObjectSchema = z.ZodType<object>;
type StringField<S extends ObjectSchema> = {
  [F in keyof z.infer<S>]-?: z.infer<S>[F] extends string ? F & string : never;
}[keyof z.infer<S>];
/**
 * The fields of a payload that can be its key: required strings. Where there is none, the compiler
 * shows this sentence instead of `never`.
 */
type KeyField<S extends ObjectSchema> = [StringField<S>] extends [never]
  ? 'the key must name a required string field of the payload'
  : StringField<S>;

/**
 * A question that one instance of the owner answers now. `deadline` defaults to 5 s,
 * `idempotent` to false.
 */
export function call<
  I extends ObjectSchema,
  O extends ObjectSchema,
  E extends CallErrors = Record<never, never>,
>(
  name: string,
  definition: {
    request: I;
    reply: O;
    errors?: E;
    deadline?: Duration;
    idempotent?: boolean;
    resilience?: ResilienceDefinition<z.output<I>, z.input<O>>;
    version?: number;
  },
): Call<z.output<I>, z.output<O>, E, z.input<I>, z.input<O>> {
  return define({
    ...contract('call', name, { request: definition.request }, definition.version),
    reply: carriable(name, 'reply', definition.reply),
    errors: checkedErrors(name, definition.errors ?? ({} as E)),
    deadline: deadlineOf(name, definition.deadline ?? '5s'),
    idempotent: definition.idempotent ?? false,
    resilience: resilienceOf(name, definition.resilience, definition.idempotent ?? false),
  });
}

/**
 * A question that one instance of the owner answers by items, one after the other, as fast as the
 * caller reads them. `deadline` is for all of them; `silence` for the first one, and from each to
 * the next.
 */
export function stream<
  I extends ObjectSchema,
  O extends ObjectSchema,
  E extends CallErrors = Record<never, never>,
>(
  name: string,
  definition: {
    request: I;
    item: O;
    deadline: Duration;
    silence?: Duration;
    errors?: E;
    resilience?: StreamResilience;
    version?: number;
  },
): Stream<z.output<I>, z.output<O>, E, z.input<I>, z.input<O>> {
  const { silence } = definition;
  return define({
    ...contract('call', name, { request: definition.request }, definition.version),
    item: carriable(name, 'item', definition.item),
    errors: checkedErrors(name, definition.errors ?? ({} as E)),
    deadline: deadlineOf(name, definition.deadline),
    idempotent: true,
    ...(silence !== undefined && { silence: silenceOf(name, silence) }),
    resilience: resilienceOf(name, definition.resilience, true),
  });
}

export const isStream = (contract: Contract): contract is Stream => 'item' in contract;

function silenceOf(name: string, silence: Duration): number {
  const longest = milliseconds(silence);
  if (longest === 0)
    throw new ContractError(
      `${name}: with a silence of nothing no item could come in time; leave it out for any time`,
    );
  return longest;
}

function deadlineOf(name: string, deadline: Duration): number {
  const budget = milliseconds(deadline);
  if (budget === 0)
    throw new ContractError(
      `${name}: with a deadline of nothing it could never be answered; leave it out for 5 s`,
    );
  return budget;
}

/**
 * Work for the owner, stored until it is handled. With a `key`, commands of one key are handled
 * in order.
 */
export function command<
  S extends ObjectSchema,
  const Key extends KeyField<S> | undefined = undefined,
>(
  name: string,
  payload: S,
  options: {
    key?: Key;
    /** Set for work that is worth nothing when the caller has given up. Default false. */
    expiresWithCaller?: boolean;
    version?: number;
    upcasts?: Upcasts<z.input<S>>;
    personal?: PersonalFields<z.infer<S>, KeyField<S>>;
    secret?: SecretFields<z.infer<S>>;
  } = {},
): Command<z.output<S>, Key, z.input<S>> {
  return define({
    ...stored('command', name, payload, options),
    key: options.key as never,
    ...(options.expiresWithCaller && { expiresWithCaller: true }),
    ...sealed(name, payload, options),
  });
}

/** News for the instances that are connected now; it is not kept for others. */
export function broadcast<S extends ObjectSchema>(
  name: string,
  payload: S,
  options: {
    version?: number;
    upcasts?: Upcasts<z.input<S>>;
    personal?: PersonalFields<z.infer<S>, KeyField<S>>;
    secret?: SecretFields<z.infer<S>>;
  } = {},
): Broadcast<z.output<S>, z.input<S>> {
  return define({
    ...stored('broadcast', name, payload, options),
    ...sealed(name, payload, options),
  });
}

/** A fact in the durable log, ordered per `key`, for every subscription. */
export function event<S extends ObjectSchema>(
  name: string,
  payload: S,
  options: {
    key: KeyField<S>;
    version?: number;
    upcasts?: Upcasts<z.input<S>>;
    personal?: PersonalFields<z.infer<S>, KeyField<S>>;
    secret?: SecretFields<z.infer<S>>;
  },
): Event<z.output<S>, z.input<S>> {
  return define({
    ...stored('event', name, payload, options),
    key: options.key,
    ...sealed(name, payload, options),
  });
}

function sealed(
  name: string,
  payload: z.ZodType,
  options: { key?: string; personal?: Personal; secret?: SecretFields<never> },
): Pick<Contract, 'personal' | 'secret'> {
  const personal = personalOf(name, payload, options.personal, options.key);
  const secret = secretOf(name, payload, options.secret, options.key, personal);
  return { ...(personal && { personal }), ...(secret && { secret }) };
}

/** Contracts that this process has loaded, by name: finds the contract of a stored message. */
const defined = new Map<string, Contract>();

/** @throws ContractError when no loaded module defines it. */
export function contractNamed(name: string): Contract {
  const found = defined.get(name);
  if (!found)
    throw new ContractError(
      `${name} is not among the contracts this process has loaded; import it, or remove what still uses it`,
    );
  return found;
}

export const contractIfLoaded = (name: string): Contract | undefined => defined.get(name);

/** In the order in which their modules were loaded. */
export const contractsLoaded = (): readonly Contract[] => [...defined.values()];

function define<C extends Contract>(contract: C): C {
  if (defined.has(contract.name))
    throw new ContractError(`${contract.name} is defined twice; a name means one thing`);
  defined.set(contract.name, contract);
  return contract;
}

function contract<K extends Kind, S extends ObjectSchema>(
  kind: K,
  name: string,
  schema: { readonly payload: S } | { readonly request: S },
  version = 1,
): Contract<K, z.output<S>, z.input<S>> {
  const owner = /^([a-z][a-z0-9-]*)\.[a-z][a-z0-9-]*$/.exec(name)?.[1];
  if (name.length > MAX_NAME || (owner?.length ?? 0) > MAX_OWNER)
    throw new ContractError(
      `"${name.slice(0, MAX_NAME)}" is too long; use at most ${MAX_NAME} characters, of them ${MAX_OWNER} for the owner`,
    );
  if (owner === undefined)
    throw new ContractError(
      `"${name}" is not a contract name; write "owner.name" in lower case with dashes`,
    );
  if (!Number.isInteger(version) || version < 1)
    throw new ContractError(`${name}: version ${version} is not a whole number from 1`);
  const payload =
    'request' in schema
      ? carriable(name, 'request', schema.request)
      : carriable(name, 'payload', schema.payload);
  return { kind, name, owner, version, payload };
}

/** @throws ContractError when JSON cannot carry a value that the schema accepts */
function carriable<S extends ObjectSchema>(
  name: string,
  where: string,
  schema: S,
): z.ZodType<z.output<S>, z.input<S>> {
  wireFormatOf(schema, `${name}: ${where}`);
  return schema as unknown as z.ZodType<z.output<S>, z.input<S>>;
}

function checkedErrors<E extends CallErrors>(name: string, errors: E): E {
  for (const [code, details] of Object.entries(errors)) carriable(name, `errors.${code}`, details);
  return errors;
}

function stored<K extends Kind, S extends ObjectSchema>(
  kind: K,
  name: string,
  payload: S,
  { version, upcasts }: { version?: number; upcasts?: Upcasts<z.input<S>> },
) {
  const made = contract(kind, name, { payload }, version);
  for (const from of Object.keys(upcasts ?? {}).map(Number)) {
    if (!Number.isInteger(from) || from < 1 || from >= made.version)
      throw new ContractError(
        `${name} upcasts version ${from}, but is itself of version ${made.version}; an upcast is from an older version`,
      );
  }
  return { ...made, ...(upcasts && { upcasts: upcasts as Upcasts }) };
}

/** The lane a payload belongs to, or undefined when its contract has no key. */
export function keyOf(contract: Contract, payload: unknown): string | undefined {
  return contract.key === undefined
    ? undefined
    : String((payload as Record<string, unknown>)[contract.key]);
}
