import { type Messaging, type Transactions } from '@parley/messaging';
import type { DeadLetters, Tx } from '@parley/messaging/transport';
import { randomUUID } from 'node:crypto';
import type { Definition, Transition } from './definition';
import { idsFor } from './ids';
import { SagaError } from './saga';
import { lettersOf } from './saga-letters';
import type { SagaRunner } from './saga-runner';
import {
  isPaused,
  SagaConflictError,
  type SagaDetails,
  type SagaStore,
  type StoredSaga,
} from './saga-store';

/** The operator of a repair, the reason, and the version of the saga that the operator saw. */
export interface Repair {
  readonly who: string;
  readonly reason: string;
  readonly version: number;
}

/** A repair that cannot be done. Nothing has changed. */
export class RepairRefusedError extends Error {
  override readonly name = 'RepairRefusedError';
  constructor(
    message: string,
    /** `changed`: another step was taken meanwhile; look again. */
    readonly why: 'missing' | 'changed' | 'refused',
  ) {
    super(message);
  }
}

/** The parts of the service's messaging that repairs need. */
export interface RepairsPlace extends Pick<Messaging, 'service' | 'clock'> {
  readonly transactions: Pick<Transactions, 'run'>;
  readonly letters?: DeadLetters;
}

/** The effect of a repair, as a step and for the history. */
interface Decision {
  readonly trigger: string;
  readonly turn: Transition;
}

/**
 * What operators do to a saga that is stuck. Each is a step of its own: the saga is locked, its
 * version checked, and state, timeouts, messages and the audit commit together.
 */
export class SagaRepairs {
  private readonly definitions: ReadonlyMap<string, Definition>;

  constructor(
    sagas: readonly Definition[],
    private readonly store: SagaStore,
    private readonly turns: SagaRunner,
    private readonly place: RepairsPlace,
  ) {
    this.definitions = new Map(sagas.map((saga) => [saga.name, saga]));
  }

  /** A timeout runs out now: the named one, or the only one that failed or runs. */
  retry(name: string, key: string, by: Repair, timeout?: string): Promise<void> {
    return this.repaired('retry', name, key, by, async (_tx, saga, stored, details) => {
      const one = timeoutOf(details, timeout);
      const again = { name: one.name, after: 0 };
      return { trigger: `retry of "${one.name}"`, turn: still(saga, stored, [again]) };
    });
  }

  /**
   * A timeout is left out, and does not run; a message whose step died is thrown away; or the saga
   * goes on as if an answer had come.
   * @param step the timeout, or the contract of the message
   * @param answer the fields of the message, beside its key
   */
  async skip(name: string, key: string, by: Repair, step: string, answer?: object): Promise<void> {
    const letters = await lettersOf(this.place, name, key);
    const dead = answer ? undefined : letters.find(({ contract }) => contract === step);
    await this.repaired('skip', name, key, by, async (_tx, saga, stored, { timeouts }) => {
      if (dead) return { trigger: `skip of ${step}`, turn: still(saga, stored, []) };
      return this.skipped(saga, stored, timeouts, step, answer);
    });
    if (dead) await this.place.letters!.discard(dead.id, { who: by.who, reason: by.reason });
  }

  private skipped(
    saga: Definition,
    stored: StoredSaga,
    timeouts: SagaDetails['timeouts'],
    step: string,
    answer: object = {},
  ): Decision {
    const { name, key } = stored;
    if (timeouts.some((one) => one.name === step))
      return { trigger: `skip of "${step}"`, turn: still(saga, stored, [], [step]) };
    const trigger = saga.triggers().find(({ contract }) => contract.name === step);
    if (!trigger || trigger.starts) {
      const names = saga.triggers().flatMap((one) => (one.starts ? [] : [one.contract.name]));
      const known = [...timeouts.map((one) => `"${one.name}"`), ...names].join(', ');
      throw refused(`${name} has no timeout and no answer ${step}; it has ${known}`);
    }
    const state = saga.opened(stored.state) as Readonly<Record<string, unknown>>;
    const given = { ...answer, [saga.by]: state[saga.by] };
    const read = trigger.contract.payload.safeParse(given);
    if (!read.success) {
      const [issue] = read.error.issues;
      throw refused(`${step}: ${issue?.path.join('.')}: ${issue?.message}`);
    }
    const turn = saga.take(stored, trigger.contract, read.data as object, this.info(saga, key));
    if (turn.ignored || !turn.changed)
      throw refused(`${step} changes nothing at the stage ${stored.stage ?? ''}`);
    return { trigger: `${step}, by hand`, turn };
  }

  /** It begins to undo what was done. `asItIs`: a saga that does not say how just ends. */
  cancel(name: string, key: string, by: Repair, asItIs = false): Promise<void> {
    return this.repaired('cancel', name, key, by, async (_tx, saga, stored) => {
      if (!saga.isCancellable && !asItIs)
        throw refused(
          `${name} does not say how it is cancelled, by .onCancel(…); it can only end as it is, and undo nothing`,
        );
      const info = { ...this.info(saga, key), reason: by.reason };
      const turn = saga.takeCancel(stored, info);
      if (turn.ignored) throw refused(`${name} ${key} is finished`);
      if (!turn.changed)
        throw refused(`${name} cannot be cancelled any more at the stage ${stored.stage ?? ''}`);
      return { trigger: 'cancellation', turn };
    });
  }

  /** All that waits for a decision goes on: paused timeouts, and messages whose step died. */
  async resume(name: string, key: string, by: Repair): Promise<void> {
    const letters = await lettersOf(this.place, name, key);
    await this.repaired('resume', name, key, by, async (_tx, saga, stored, details) => {
      const paused = details.timeouts.filter((one) => isPaused(one, this.place.clock.now()));
      if (paused.length === 0 && letters.length === 0)
        throw refused(`nothing of ${name} ${key} is paused`);
      const again = paused.map((one) => ({ name: one.name, after: 0 }));
      return { trigger: 'resume', turn: still(saga, stored, again) };
    });
    for (const { id } of letters)
      await this.place.letters!.replay(id, { who: by.who, reason: by.reason });
  }

  private async repaired(
    action: string,
    name: string,
    key: string,
    { who, reason, version }: Repair,
    decide: (
      tx: Tx,
      saga: Definition,
      stored: StoredSaga,
      details: SagaDetails,
    ) => Promise<Decision>,
  ): Promise<void> {
    const note = { saga: name, key, who, action, reason };
    try {
      await this.place.transactions.run(async (tx) => {
        const saga = this.definitions.get(name);
        const stored = saga && (await this.store.load(tx, name, [key])).get(key);
        const details = stored && (await this.store.find(tx, name, key));
        if (!saga || !stored || !details)
          throw new RepairRefusedError(`there is no ${name} ${key}`, 'missing');
        if (stored.version !== version) throw changedMeanwhile(stored);
        if (stored.done) throw refused(`${name} ${key} is finished`);
        const { trigger, turn } = await decide(tx, saga, stored, details);
        const times = Object.fromEntries(details.timeouts.map((one) => [one.name, one.times]));
        await this.turns.onRepair(tx, saga, stored, turn, { trigger, who, reason }, times);
        await this.store.note(tx, { ...note, action: trigger, outcome: 'done' });
      });
    } catch (error) {
      const refusal = refusalIn(error, `${name} ${key}`);
      if (refusal instanceof RepairRefusedError && refusal.why !== 'missing')
        await this.place.transactions.run((tx) =>
          this.store.note(tx, { ...note, outcome: refusal.message }),
        );
      throw refusal;
    }
  }

  private info(saga: Definition, key: string) {
    const at = new Date(this.place.clock.now()).toISOString();
    return { at, id: idsFor(saga.name, key, randomUUID()) };
  }
}

/** The saga as it is, with other timeouts. */
function still(
  saga: Definition,
  stored: StoredSaga,
  arm: readonly { readonly name: string; readonly after: number }[],
  disarm: readonly string[] = [],
): Transition {
  const state = saga.opened(stored.state);
  return { state, key: stored.key, done: false, changed: true, out: [], arm, disarm };
}

function timeoutOf({ timeouts }: SagaDetails, wanted: string | undefined) {
  const failing = timeouts.filter(({ failures }) => failures > 0);
  const few = failing.length > 0 ? failing : timeouts;
  const found = wanted === undefined ? few : timeouts.filter(({ name }) => name === wanted);
  if (found.length === 1) return found[0]!;
  const names = timeouts.map(({ name }) => `"${name}"`).join(', ') || 'none';
  throw refused(
    wanted === undefined
      ? `say which timeout: ${names}`
      : `no timeout "${wanted}" is running; running: ${names}`,
  );
}

function refusalIn(error: unknown, saga: string): unknown {
  if (error instanceof SagaConflictError)
    return new RepairRefusedError(`${saga} changed meanwhile; look again`, 'changed');
  return error instanceof SagaError ? refused(error.message) : error;
}

const refused = (message: string) => new RepairRefusedError(message, 'refused');

const changedMeanwhile = ({ name, key, version, stage = '', done }: StoredSaga) =>
  new RepairRefusedError(
    `${name} ${key} changed meanwhile: it is ${done ? 'finished' : `at "${stage}"`}, version ${version}; look again`,
    'changed',
  );
