import type { Kind } from '@parley/contract';

/**
 * Guarantees about messages, the same on every technology. Numbers never change; the title of a
 * test ends with the number of its guarantee.
 */
export interface Promised {
  readonly text: string;
  readonly kinds: readonly Kind[];
  /** Tried with every run of the tests, not only when the whole table is made. */
  readonly fast?: true;
  /** Milliseconds that trying it may take. Default 90 s. */
  readonly patience?: number;
}

const [R, C, B, E] = ['call', 'command', 'broadcast', 'event'] as const;
const all = [R, C, B, E];
const stored = [C, E];

export const guarantees = {
  T01: {
    kinds: all,
    fast: true,
    text: 'a message arrives as it was sent, with all its headers',
  },
  T02: {
    kinds: stored,
    fast: true,
    text: 'many concurrent senders and handlers lose no message',
  },
  T03: { kinds: all, text: 'no service receives a message for another one' },
  T04: {
    kinds: [C],
    fast: true,
    text: 'a command has one owner, and one of its instances handles it',
  },
  T05: {
    kinds: [E],
    fast: true,
    text: 'an event reaches every subscription once, each instance a share',
  },
  T06: { kinds: [B], fast: true, text: 'a broadcast reaches every live instance' },
  T07: { kinds: [B], text: 'a broadcast is not kept for absent instances' },
  T08: { kinds: stored, text: 'a message sent before there is a handler is kept' },
  T09: {
    kinds: [E],
    text: 'a new subscription reads the log from its beginning, from a time, or from now',
  },
  T10: { kinds: stored, fast: true, text: 'messages of one key are handled in order' },
  T11: {
    kinds: stored,
    text: 'a failed message waits with the later ones of its key while other keys flow',
  },
  T12: {
    kinds: [R, C],
    fast: true,
    text: 'a message without a possible receiver is refused, never dropped silently',
  },
  T13: { kinds: all, fast: true, text: 'any text survives, in the payload and in the headers' },
  T14: {
    kinds: all,
    text: 'a body may be empty or large; one above the limit is stored apart from its message, or refused at the sender',
  },
  T15: { kinds: [C], text: 'an expired command is not handled, and is kept as evidence' },
  T16: {
    kinds: stored,
    fast: true,
    text: 'no more messages are handled at a time than the concurrency allows',
  },
  T17: {
    kinds: stored,
    fast: true,
    text: 'concurrency can be changed at run time',
  },
  T18: {
    kinds: stored,
    fast: true,
    text: 'a message whose handler throws is delivered again, as the same message',
  },
  T19: {
    kinds: stored,
    fast: true,
    text: 'a message is tried as often as its policy allows, then becomes a dead letter',
  },
  T20: {
    kinds: stored,
    fast: true,
    text: 'a delayed retry does not come before it is due, nor long after',
  },
  T21: { kinds: stored, text: 'a delayed retry survives the end of the instance that failed' },
  T22: {
    kinds: stored,
    fast: true,
    text: 'a dead letter has the original bytes and headers, the error, its place and its time',
  },
  T23: {
    kinds: stored,
    text: 'changes that a handler makes to a message are not seen by the next try',
  },
  T24: { kinds: stored, fast: true, text: 'a message that can never succeed is not tried again' },
  T25: {
    kinds: stored,
    text: 'a failed message is kept even when its outcome cannot be stored',
  },
  T26: {
    kinds: stored,
    fast: true,
    text: 'a poison message neither delays nor reorders other messages',
  },
  T27: {
    kinds: all,
    fast: true,
    text: 'an unreadable message reaches no handler, harms no other one and, on stored kinds, is kept unchanged',
  },
  T28: { kinds: [C], text: 'a command unknown to its owner is kept as a dead letter' },
  T29: { kinds: stored, fast: true, text: 'a dead letter is replayed once, and takes effect once' },
  T30: {
    kinds: [C, B, E],
    fast: true,
    text: 'messages of a rolled back transaction are never delivered',
  },
  T31: {
    kinds: [C, B, E],
    fast: true,
    text: 'messages of a transaction are delivered although the process died right after the commit',
  },
  T32: {
    kinds: [C, B],
    text: 'a message sent outside of the transaction stays sent when the transaction fails',
  },
  T33: {
    kinds: stored,
    fast: true,
    text: 'copies of a message have one effect, one after the other or all at once',
  },
  T34: { kinds: [E], text: 'two subscriptions handle one event each for itself' },
  T35: {
    kinds: stored,
    text: 'two relays, and the death of one, neither lose, duplicate nor reorder messages',
  },
  T36: {
    kinds: stored,
    fast: true,
    text: 'outbox and inbox are cleaned up after their time, and not before',
  },
  T37: {
    kinds: all,
    text: 'while the technology is away a transaction still commits, and sending directly fails in bounded time',
  },
  T38: {
    kinds: stored,
    text: 'an unconfirmed message is sent again, and has one effect',
  },
  T39: {
    kinds: [R],
    fast: true,
    text: 'every caller gets its own reply, and errors arrive with their type',
  },
  T40: {
    kinds: [R],
    fast: true,
    text: 'a deadline is passed on, a late reply is dropped, and a cancelled call is seen by its handler',
  },
  T41: { kinds: [R, C], text: 'a second request under an idempotency key gets the first result' },
  T42: {
    kinds: all,
    fast: true,
    text: 'stopping takes no new messages and finishes those under way',
  },
  T43: {
    kinds: stored,
    text: 'a handler that exceeds the time to stop is aborted, and another instance handles its message as its first try',
  },
  T44: {
    kinds: stored,
    fast: true,
    text: 'after a stop and a start, consuming continues at its position',
  },
  T45: { kinds: stored, text: 'losing every connection in mid-traffic loses nothing' },
  T46: { kinds: stored, text: 'a consumer that mostly fails pauses, probes and resumes' },
  T47: {
    kinds: all,
    fast: true,
    text: 'trace, correlation and causation flow from one message to the next',
  },
  T48: {
    kinds: [E],
    text: 'instances that come and go under load lose nothing and keep the order',
  },
  T49: {
    kinds: stored,
    patience: 600_000,
    text: 'the technology is killed in mid-traffic and comes back, then is away for 30 s: no message is lost, each has one effect, readiness reports it',
  },
  T50: {
    kinds: all,
    fast: true,
    text: 'a handler that never settles is ended at its timeout plus grace; its slot and lane are free, its late commit has no effect, others are handled',
  },
  T52: {
    kinds: all,
    fast: true,
    text: 'every reader accepts what the sender accepts: the largest key and attributes arrive, larger ones are refused at the sender and nothing is stored',
  },
  T53: {
    kinds: all,
    fast: true,
    text: 'dates, big integers and decimals arrive as they were sent',
  },
  T54: {
    kinds: [C, B, E],
    fast: true,
    text: 'a message that can never be published is kept as a dead letter of its sender; its lane waits, others flow, each published once',
  },
  T55: {
    kinds: [R],
    fast: true,
    text: 'the items of a stream arrive in order and complete, each checked on both sides',
  },
  T56: {
    kinds: [R],
    fast: true,
    text: 'the handler of a stream waits for its reader',
  },
  T57: {
    kinds: [R],
    fast: true,
    text: 'a stream that is left, cancelled, late or silent for too long ends its handler',
  },
  T58: {
    kinds: [R],
    fast: true,
    text: 'an error ends a stream with its type, behind the items before it',
  },
  T59: {
    kinds: [R],
    text: 'a stream that breaks off says so; before its first item another instance is asked',
  },
  T60: {
    kinds: [R],
    fast: true,
    text: 'stopping finishes the streams under way, and ends those that take too long by a fault that says to ask again',
  },
  T51: {
    kinds: stored,
    patience: 900_000,
    text: 'a message whose handling ends its process is dead after a stated number of deliveries, with evidence, and its neighbours keep their retries',
  },
  T61: {
    kinds: [C],
    fast: true,
    text: 'a command sent with passDeadLetters keeps its place in its lane and passes only a dead letter',
  },
  T62: {
    kinds: [C],
    fast: true,
    text: 'delayed messages of one key that are due together arrive in the order they were sent',
  },
} as const satisfies Record<string, Promised>;

export type GuaranteeId = keyof typeof guarantees;

/** The promises that a kind can make. */
export const guaranteesOf = (kind: Kind): readonly (readonly [GuaranteeId, Promised])[] =>
  (Object.entries(guarantees) as [GuaranteeId, Promised][]).filter(([, { kinds }]) =>
    kinds.includes(kind),
  );
