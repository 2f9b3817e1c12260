import { milliseconds, type Duration } from '@parley/contract';
import type { Transactions } from '@parley/messaging';
import { z } from 'zod';
import { type StepAhead, stepsAhead, waitsFor } from './ahead';
import type { Definition } from './definition';
import { lettersOf, type SagaLetter } from './saga-letters';
import { RepairRefusedError, type RepairsPlace, type SagaRepairs } from './saga-repairs';
import {
  isPaused,
  type SagaDetails,
  type SagaFilter,
  type SagaRepair,
  type SagaStore,
  type StoredSaga,
} from './saga-store';

/** As people ask: every value is text. */
export interface SagaQuery {
  readonly saga?: string;
  readonly stage?: string;
  /** 'running', 'finished', or 'failing': with a timeout that has a failed step, paused or not. */
  readonly state?: string;
  /** Started at least so long ago: `15m`. */
  readonly olderThan?: string;
  /** Only those that one of these conversations started: a JSON array of correlation ids. */
  readonly conversations?: string;
  /** Default 100, at most 1000. */
  readonly limit?: string;
}

/** One saga of a list; its state, which may say much about a person, only by itself. */
export type SagaSummary = Omit<StoredSaga, 'state'>;

/** One saga with all that an operator needs to repair it. */
export interface SagaReport extends SagaDetails {
  readonly timeouts: readonly (SagaDetails['timeouts'][number] & {
    /** Its step kept failing: it waits for an operator. */
    readonly paused: boolean;
    readonly overdue: boolean;
  })[];
  /** The messages that would move it on now. */
  readonly waitsFor: readonly string[];
  /** The commands that it sent since it came to its stage. */
  readonly asked: readonly string[];
  /** When it came to its stage. */
  readonly waitsSince: Date;
  /** The rest of its way, as its definition says, if everything goes well. */
  readonly ahead: readonly StepAhead[];
  readonly stages: readonly string[];
  /** Its own messages whose step died. */
  readonly deadSteps: readonly SagaLetter[];
  readonly repairs: readonly SagaRepair[];
  readonly cancellable: boolean;
}

const Version = z.int().min(1);
const Reason = z.string().trim().min(1, 'say why').max(1000);
const By = z.object({ version: Version, reason: Reason });
const REPAIRS = {
  retry: By.extend({ timeout: z.string().optional() }).strict(),
  skip: By.extend({
    step: z.string().min(1),
    answer: z.record(z.string(), z.unknown()).optional(),
  }).strict(),
  cancel: By.extend({ asItIs: z.boolean().optional() }).strict(),
  resume: By.strict(),
} as const;

/** The answer to a repair: 404, 409 or 422 with the reason when it was refused. */
export interface RepairAnswer {
  readonly status: number;
  readonly body: object;
}

/**
 * Serves a service's sagas to operators: `/operations/sagas`, and `/operations/sagas/trip/trip-1`.
 */
export class SagaOperations {
  constructor(
    private readonly sagas: readonly Definition[],
    private readonly store: SagaStore,
    private readonly transactions: Pick<Transactions, 'run'>,
    private readonly place?: RepairsPlace,
    private readonly repairs?: SagaRepairs,
  ) {}

  /** The sagas of this service, with their triggers and timeouts. */
  definitions(): readonly {
    readonly name: string;
    readonly triggers: readonly string[];
    readonly timeouts: readonly string[];
  }[] {
    return this.sagas.map((saga) => ({
      name: saga.name,
      triggers: saga.triggers().map(({ contract }) => contract.name),
      timeouts: saga.timeoutNames(),
    }));
  }

  /** Newest first. */
  async list(query: SagaQuery = {}): Promise<readonly SagaSummary[]> {
    const filter = filterOf(query);
    const found = await this.transactions.run((tx) => this.store.list(tx, filter));
    return found.map(({ state: _state, ...summary }) => summary);
  }

  /** One saga with its state, its history, the timeouts that run and the rest of its way. */
  async find(saga: string, key: string): Promise<SagaReport | undefined> {
    const found = await this.transactions.run(async (tx) => {
      const details = await this.store.find(tx, saga, key);
      return details && { details, repairs: await this.store.notes(tx, saga, key) };
    });
    if (!found) return undefined;
    const dead = this.place ? await lettersOf(this.place, saga, key) : [];
    return this.reported(found.details, found.repairs, dead);
  }

  /**
   * A repair: `retry`, `skip`, `cancel` or `resume`, of `saga` and `key`.
   * @throws RangeError for a request that cannot be read
   */
  async change(
    path: readonly string[],
    asked: unknown,
    who: string,
  ): Promise<RepairAnswer | undefined> {
    const [saga, key, verb = '', ...rest] = path;
    if (!this.repairs || key === undefined || saga === undefined || rest.length > 0)
      return undefined;
    if (!Object.hasOwn(REPAIRS, verb)) return undefined;
    try {
      await this.repaired(this.repairs, saga, key, verb as keyof typeof REPAIRS, asked, who);
    } catch (error) {
      if (!(error instanceof RepairRefusedError)) throw error;
      const status = { missing: 404, changed: 409, refused: 422 }[error.why];
      return { status, body: { status, message: error.message } };
    }
    return { status: 202, body: { done: true } };
  }

  private repaired(
    repairs: SagaRepairs,
    saga: string,
    key: string,
    verb: keyof typeof REPAIRS,
    asked: unknown,
    who: string,
  ): Promise<void> {
    if (verb === 'retry') {
      const { timeout, ...by } = read(REPAIRS.retry, asked);
      return repairs.retry(saga, key, { ...by, who }, timeout);
    }
    if (verb === 'skip') {
      const { step, answer, ...by } = read(REPAIRS.skip, asked);
      return repairs.skip(saga, key, { ...by, who }, step, answer);
    }
    if (verb === 'cancel') {
      const { asItIs, ...by } = read(REPAIRS.cancel, asked);
      return repairs.cancel(saga, key, { ...by, who }, asItIs);
    }
    return repairs.resume(saga, key, { ...read(REPAIRS.resume, asked), who });
  }

  private reported(
    details: SagaDetails,
    repairs: readonly SagaRepair[],
    dead: readonly SagaLetter[],
  ): SagaReport {
    const { history, stage, done, changedAt } = details;
    const definition = this.sagas.find(({ name }) => name === details.name);
    const state = done ? undefined : openedBy(definition, details);
    const now = this.place?.clock.now() ?? Date.now();
    const came = history.findLastIndex(({ from, to }) => to === stage && from !== stage);
    return {
      ...details,
      timeouts: details.timeouts.map((timeout) => ({
        ...timeout,
        paused: isPaused(timeout, now),
        overdue: timeout.due.getTime() < now,
      })),
      waitsFor: definition && state ? waitsFor(definition, state, history) : [],
      asked: done ? [] : history.slice(Math.max(0, came)).flatMap(({ said }) => said),
      waitsSince: came < 0 ? changedAt : new Date(history[came]!.at),
      ahead: definition && state ? stepsAhead(definition, state, history) : [],
      stages: definition?.stages() ?? [],
      cancellable: definition?.isCancellable ?? false,
      deadSteps: dead,
      repairs,
    };
  }
}

/** Its state as steps see it, or undefined where this version cannot read it. */
function openedBy(definition: Definition | undefined, { state }: StoredSaga): object | undefined {
  try {
    return definition?.opened(state);
  } catch {
    return undefined;
  }
}

function read<T>(schema: z.ZodType<T>, asked: unknown): T {
  const result = schema.safeParse(asked);
  if (result.success) return result.data;
  throw new RangeError(
    result.error.issues
      .map(({ path, message }) => `${path.join('.') || 'the request'}: ${message}`)
      .join('; '),
  );
}

const STATES = ['running', 'finished', 'failing'];

function filterOf({ saga, stage, state, olderThan, conversations, limit }: SagaQuery): SagaFilter {
  if (state !== undefined && !STATES.includes(state))
    throw new RangeError(`a saga's state is ${STATES.join(' or ')}, not "${state}"`);
  return {
    name: saga,
    stage,
    done: state === 'running' || state === 'finished' ? state === 'finished' : undefined,
    failing: state === 'failing',
    olderThan: olderThan === undefined ? undefined : milliseconds(olderThan as Duration),
    conversations: conversations === undefined ? undefined : textsOf(conversations),
    limit: Math.min(Math.max(1, Math.trunc(Number(limit)) || 100), 1000),
  };
}

function textsOf(list: string): readonly string[] {
  const texts = z.array(z.string()).safeParse(jsonOf(list)).data;
  if (!texts) throw new RangeError('conversations is a JSON array of correlation ids');
  return texts;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
