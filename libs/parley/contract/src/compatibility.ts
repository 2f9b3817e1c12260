import type { ContractSchema } from './contract-schema';
import type { Personal } from './personal';
import type { Change } from './keyword-changes';
import { changesOf } from './schema-changes';
import type { Secret } from './secret';

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
  if (isStream(before) !== isStream(after))
    return both(
      'item',
      `was ${answerOf(before)}, is ${answerOf(after)}; callers read one or the other, so take a new name`,
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

const isStream = ({ item }: ContractSchema): boolean => item !== undefined;
const answerOf = (schema: ContractSchema): string =>
  isStream(schema) ? 'answered by items' : 'answered by one reply';

/** Programs that were built with the longer time rely on it. */
function shorter(field: string, before: number, after: number, what: string): readonly Break[] {
  if (after >= before) return [];
  return [
    { field, breaks: 'old readers', what: `was ${time(before)}, is ${time(after)}: ${what}` },
  ];
}

const time = (ms: number): string => (ms > 0 && ms < Infinity ? `${ms} ms` : 'none');

/** Something that programs built before rely on, and that is lost. */
const lost = (field: string, isLost: boolean, what: string): readonly Break[] =>
  isLost ? [{ field, breaks: 'old readers', what }] : [];

function traits(before: ContractSchema, after: ContractSchema): readonly Break[] {
  const key =
    before.key === after.key
      ? []
      : both(
          'key',
          `was ${before.key ?? 'none'}, is ${after.key ?? 'none'}: messages of one lane would overtake each other`,
        );
  return [
    ...key,
    ...personalTraits(before.personal, after.personal),
    ...secretTraits(before.secret, after.secret),
    ...lost(
      'expiresWithCaller',
      !before.expiresWithCaller && after.expiresWithCaller === true,
      'is true now: what was stored until it is handled is given up at the deadline of a call',
    ),
    ...(before.kind === 'call' ? callTraits(before, after) : []),
  ];
}

function callTraits(before: ContractSchema, after: ContractSchema): readonly Break[] {
  const late = 'what was answered in time may be given up now';
  return [
    ...shorter('deadline', before.deadline ?? 0, after.deadline ?? 0, late),
    ...(isStream(before)
      ? shorter('silence', before.silence ?? Infinity, after.silence ?? Infinity, late)
      : []),
    ...lost(
      'idempotent',
      before.idempotent === true && after.idempotent === false,
      'was true: callers ask again when an answer is lost',
    ),
    ...shorter(
      'stale',
      before.stale ?? 0,
      after.stale ?? 0,
      'callers get an error where they got an older reply',
    ),
    ...lost(
      'fallback',
      before.fallback === true && !after.fallback,
      'was removed: callers get an error where they got its reply',
    ),
  ];
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
          `was ${before.subject}, is ${after.subject}: erasing one would not erase the data about the other`,
        )
      : []),
  ];
}

/** Secrets are destroyed earlier: messages that wait, and replays, need the time that was promised. */
const secretTraits = (before: Secret | undefined, after: Secret | undefined): readonly Break[] => [
  ...sealedTraits('secret', before, after),
  ...(before && after
    ? shorter('secret.life', before.life, after.life, 'what waits for longer can no longer be read')
    : []),
];

function answered(before: ContractSchema, after: ContractSchema): readonly Change[] {
  const errors = Object.entries(before.errors ?? {}).flatMap(
    ([code, details]): readonly Change[] => {
      const now = after.errors?.[code];
      return now
        ? changesOf(details, now, `errors.${code}`)
        : [{ field: `errors.${code}`, to: 'missing', what: 'was removed: callers tell it apart' }];
    },
  );
  const answer = isStream(before)
    ? changesOf(before.item ?? {}, after.item ?? {}, 'item')
    : changesOf(before.reply ?? {}, after.reply ?? {}, 'reply');
  return [...answer, ...errors];
}

function judged({ field, to, what }: Change, ownerReads: boolean): readonly Break[] {
  if (to === 'missing') return both(field, what);
  if (to === 'narrower') return [{ field, breaks: 'old messages', what }];
  return ownerReads ? [] : [{ field, breaks: 'old readers', what }];
}

const both = (field: string, what: string): readonly Break[] =>
  (['old messages', 'old readers'] as const).map((breaks) => ({ field, breaks, what }));
