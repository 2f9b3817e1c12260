import { InvalidMessageError } from '../message/codec';
import {
  AlreadyHandledError,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
  ProcessEndedError,
  UnrecoverableError,
} from '../message/failure';
import { NewerVersionError } from '../message/upcasting';
import {
  deadLetter,
  decideFailure,
  type FailedHandling,
  type FailureDecision,
  countsForCircuitBreaker,
} from './failure-decision';
import { HandlerTimeoutError } from './handler-runs';
import { NoHandlerError, UnreadableError } from './open-message';

const failed = new RangeError('too heavy');
const hopeless = new UnrecoverableError('no such parcel');
const timedOut = new HandlerTimeoutError({ what: 'Scales.weigh', timeout: 1_000 }, 5_000);
const handledBefore = new AlreadyHandledError('1');
const conflict = new IdConflictError('1');
const parked = new LaneParkedError('waits');
const leaseLost = new LeaseLostError('lease of scales lost');
const unreadable = new UnreadableError('cannot be read', { cause: hopeless });
const newer = new UnreadableError('cannot be read', { cause: new NewerVersionError('version 9') });
const ended = new ProcessEndedError([]);

const policy = { immediate: 2, delays: [1_000, 10_000] };
const never = { immediate: 0, delays: [] };
/** Without jitter. */
const first: Omit<FailedHandling, 'error'> = {
  attempt: 1,
  tries: 1,
  policy,
  aborted: false,
  excused: false,
  keyed: true,
  random: () => 0,
};
const dead = (error: unknown, tries: number, blocksLane: boolean): FailureDecision => ({
  kind: 'dead-letter',
  error,
  tries,
  blocksLane,
});
const again: FailureDecision = { kind: 'try-again', counted: true };
const uncounted: FailureDecision = { kind: 'try-again', counted: false };
const later = (after: number, error: unknown = failed): FailureDecision => ({
  kind: 'retry',
  after,
  error,
});

type Row = readonly [string, unknown, Partial<FailedHandling>, FailureDecision];

describe('what becomes of a message whose handling failed', () => {
  it.each<Row>([
    // a failure of the handler
    ['the first try', failed, {}, again],
    ['the last immediate try', failed, { tries: 2 }, again],
    ['no immediate try left', failed, { tries: 3 }, later(1_000)],
    ['the second delivery', failed, { tries: 3, attempt: 2 }, later(10_000)],
    ['no delay left', failed, { tries: 3, attempt: 3 }, dead(failed, 3, true)],
    [
      'no delay left, no key',
      failed,
      { tries: 3, attempt: 3, keyed: false },
      dead(failed, 3, false),
    ],
    ['a policy without retries', failed, { policy: never }, dead(failed, 1, true)],
    ['jitter at its most', failed, { tries: 3, random: () => 1 }, later(1_200)],
    // a handler that did not end
    ['a timeout waits for the delay', timedOut, {}, later(1_000, timedOut)],
    ['a timeout, no delay left', timedOut, { attempt: 3 }, dead(timedOut, 1, true)],
    ['a timeout where nothing is delayed', timedOut, { policy: { ...never, immediate: 1 } }, again],
    // errors that no try can help
    ['unrecoverable', hopeless, {}, dead(hopeless, 1, true)],
    ['unrecoverable, no key', hopeless, { keyed: false }, dead(hopeless, 1, false)],
    ['its process ended too often', ended, {}, dead(ended, 1, true)],
    ['cannot be read', unreadable, { tries: 2 }, dead(hopeless, 0, false)],
    ['said by a newer build', newer, {}, dead(newer.cause, 0, true)],
    // refusals of the acknowledgement
    ['took effect before', handledBefore, {}, { kind: 'duplicate' }],
    ['took effect before, while stopping', handledBefore, { aborted: true }, { kind: 'duplicate' }],
    ['another message under its id', conflict, {}, dead(conflict, 1, false)],
    ['its lane is parked', parked, {}, { kind: 'park-behind' }],
    ['its lane is parked, while stopping', parked, { aborted: true }, { kind: 'park-behind' }],
    ['its lease is lost', leaseLost, { tries: 3, attempt: 3 }, { kind: 'give-back', leaseLost }],
    // the service stops, or the delivery is no longer ours
    ['aborted', failed, { aborted: true }, { kind: 'give-back' }],
    [
      'aborted, no try left',
      failed,
      { aborted: true, tries: 3, attempt: 3 },
      { kind: 'give-back' },
    ],
    ['aborted, unrecoverable', hopeless, { aborted: true }, { kind: 'give-back' }],
    ['aborted, cannot be read', unreadable, { aborted: true }, { kind: 'give-back' }],
    // the subscription is paused
    ['excused', failed, { excused: true }, uncounted],
    ['excused, no try left', failed, { excused: true, tries: 3, attempt: 3 }, uncounted],
    ['excused, a timeout', timedOut, { excused: true }, uncounted],
  ])('%s', (_, error, circumstances, decision) => {
    expect(decideFailure({ ...first, ...circumstances, error })).toEqual(decision);
  });

  it.each([
    ['garbage', new InvalidMessageError('scales.weigh', []), 0, false],
    ['no handler', new NoHandlerError('scales', 'scales.melted'), 0, false],
    ['a newer version', new NewerVersionError('version 9'), 0, true],
    ['a failure of the handler', failed, 1, true],
    ['a second message under one id', conflict, 4, false],
  ])('a dead letter that is %s holds its lane: %#', (_, error, tries, blocksLane) => {
    expect(deadLetter(error, tries, true)).toMatchObject({ blocksLane });
    expect(deadLetter(error, tries, false)).toMatchObject({ blocksLane: false });
  });
});

describe('a failure tells the circuit breaker', () => {
  it.each([
    ['of the handler', failed, true],
    ['of a handler that did not end', timedOut, true],
    ['that no try can help', hopeless, false],
    ['of the acknowledgement', leaseLost, false],
    ['that its lane caused', parked, false],
    ['of a duplicate', handledBefore, false],
    ['of a message that cannot be read', unreadable, false],
  ])('%s', (_, error, counts) => {
    expect(countsForCircuitBreaker(error, false)).toBe(counts);
    expect(countsForCircuitBreaker(error, true)).toBe(false);
  });
});
