import type { Kind } from '@parley/contract';

/**
 * Guarantees about messages, the same on every technology. Numbers never change; the title of a
 * test ends with the number of its guarantee.
 */
export interface Promised {
  readonly says: string;
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
    says: 'what is said arrives as it was said, with all that travels around it',
  },
  T02: {
    kinds: stored,
    fast: true,
    says: 'many who say and many who handle at the same time lose nothing',
  },
  T03: { kinds: all, says: 'nobody gets what was meant for another' },
  T04: {
    kinds: [C],
    fast: true,
    says: 'a command has one owner, and one of its instances handles it',
  },
  T05: {
    kinds: [E],
    fast: true,
    says: 'an event reaches every subscription once, each instance a share',
  },
  T06: { kinds: [B], fast: true, says: 'a broadcast reaches every live instance' },
  T07: { kinds: [B], says: 'a broadcast is not kept for those who are not there' },
  T08: { kinds: stored, says: 'what is said before anyone handles it is kept' },
  T09: {
    kinds: [E],
    says: 'a new subscription reads the log from its beginning, from a time, or from now',
  },
  T10: { kinds: stored, fast: true, says: 'messages of one key are handled in order' },
  T11: {
    kinds: stored,
    says: 'a failed message waits with the later ones of its key while other keys flow',
  },
  T12: { kinds: [R, C], fast: true, says: 'what nobody can get is refused, never swallowed' },
  T13: { kinds: all, fast: true, says: 'any text survives, in the payload and around it' },
  T14: {
    kinds: all,
    says: 'a body may be empty, or large; one that is too large waits elsewhere while its message travels, or is refused where it is said',
  },
  T15: { kinds: [C], says: 'an expired command is not handled, and is kept as evidence' },
  T16: { kinds: stored, fast: true, says: 'no more messages are handled at a time than allowed' },
  T17: {
    kinds: stored,
    fast: true,
    says: 'how many are handled at a time can be changed while it runs',
  },
  T18: {
    kinds: stored,
    fast: true,
    says: 'a message whose handler throws is delivered again, as the same message',
  },
  T19: {
    kinds: stored,
    fast: true,
    says: 'a message is tried as often as its policy says, then dies',
  },
  T20: {
    kinds: stored,
    fast: true,
    says: 'a delayed retry does not come before it is due, nor long after',
  },
  T21: { kinds: stored, says: 'a delayed retry survives the end of the instance that failed' },
  T22: {
    kinds: stored,
    fast: true,
    says: 'a dead letter has the original bytes and headers, and says what failed, where and when',
  },
  T23: { kinds: stored, says: 'what a handler does to a message does not leak into the next try' },
  T24: { kinds: stored, fast: true, says: 'what can never succeed is not tried again' },
  T25: {
    kinds: stored,
    says: 'a failed message is kept even when what became of it cannot be stored',
  },
  T26: { kinds: stored, fast: true, says: 'poison does not keep others waiting, nor out of order' },
  T27: {
    kinds: all,
    fast: true,
    says: 'what cannot be read reaches no handler, harms nobody and, where it is stored, is kept as it came',
  },
  T28: { kinds: [C], says: 'a command that nobody here knows is kept as a dead letter' },
  T29: { kinds: stored, fast: true, says: 'a dead letter is replayed once, and takes effect once' },
  T30: { kinds: [C, B, E], fast: true, says: 'what a rolled back transaction said is never heard' },
  T31: {
    kinds: [C, B, E],
    fast: true,
    says: 'what a transaction said is heard although the process died right after the commit',
  },
  T32: { kinds: [C, B], says: 'what is said outside of the transaction stays said when it fails' },
  T33: {
    kinds: stored,
    fast: true,
    says: 'copies of a message have one effect, one after the other or all at once',
  },
  T34: { kinds: [E], says: 'two subscriptions handle one event each for itself' },
  T35: {
    kinds: stored,
    says: 'two relays, and the death of one, neither lose, double nor reorder',
  },
  T36: { kinds: stored, fast: true, says: 'outbox and inbox forget in time, and not before' },
  T37: {
    kinds: all,
    says: 'while the technology is away a transaction still commits, and saying directly fails in bounded time',
  },
  T38: {
    kinds: stored,
    says: 'what may or may not have been taken is said again, and has one effect',
  },
  T39: {
    kinds: [R],
    fast: true,
    says: 'every caller gets its own reply, and errors arrive with their type',
  },
  T40: {
    kinds: [R],
    fast: true,
    says: 'a deadline travels on, a late reply is dropped, and who gives up is heard',
  },
  T41: { kinds: [R, C], says: 'a second request under an idempotency key gets the first result' },
  T42: {
    kinds: all,
    fast: true,
    says: 'stopping takes nothing new and finishes what is under way',
  },
  T43: {
    kinds: stored,
    says: 'what does not end in time is told to give up, and is handled by another as if for the first time',
  },
  T44: { kinds: stored, fast: true, says: 'stopping and starting again goes on where it was' },
  T45: { kinds: stored, says: 'losing every connection in mid-traffic loses nothing' },
  T46: { kinds: stored, says: 'a consumer that mostly fails pauses, probes and resumes' },
  T47: {
    kinds: all,
    fast: true,
    says: 'trace, correlation and causation flow from one message to the next',
  },
  T48: {
    kinds: [E],
    says: 'instances that come and go under load lose nothing and keep the order',
  },
  T49: {
    kinds: stored,
    patience: 600_000,
    says: 'the technology is killed in mid-traffic and comes back, then is away for 30 s: nothing is lost, one effect each, readiness tells',
  },
  T50: {
    kinds: all,
    fast: true,
    says: 'a handler that never settles is ended at its timeout plus grace; its slot and lane are free, its late commit has no effect, others are handled',
  },
  T52: {
    kinds: all,
    fast: true,
    says: 'what the sender accepts, every reader takes: the largest key and attributes arrive, what is larger is refused at the call and nothing is stored',
  },
  T53: {
    kinds: all,
    fast: true,
    says: 'dates, big integers and decimals arrive as they were sent',
  },
  T54: {
    kinds: [C, B, E],
    fast: true,
    says: 'a message that can never be published is kept as a dead letter of its sender; its lane waits, others flow, each published once',
  },
  T51: {
    kinds: stored,
    patience: 300_000,
    says: 'a message whose handling ends its process is dead after a stated number of deliveries, with evidence, and its neighbours keep their retries',
  },
} as const satisfies Record<string, Promised>;

export type GuaranteeId = keyof typeof guarantees;

/** The promises that a kind can make. */
export const guaranteesOf = (kind: Kind): readonly (readonly [GuaranteeId, Promised])[] =>
  (Object.entries(guarantees) as [GuaranteeId, Promised][]).filter(([, { kinds }]) =>
    kinds.includes(kind),
  );
