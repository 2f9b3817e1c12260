import { milliseconds, type Duration } from '@parley/contract';
import type { Transactions } from '@parley/messaging';
import { z } from 'zod';
import type { Definition } from './definition';
import type { SagaDetails, SagaFilter, SagaStore, StoredSaga } from './saga-store';

/** As people ask: every value is text. */
export interface SagaQuery {
  readonly saga?: string;
  readonly stage?: string;
  /** 'running', 'finished', or 'failing': with a timeout that has a failed step. */
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

/**
 * Serves a service's sagas to operators: `/operations/sagas`, and `/operations/sagas/trip/trip-1`.
 */
export class SagaOperations {
  constructor(
    private readonly sagas: readonly Definition[],
    private readonly store: SagaStore,
    private readonly transactions: Pick<Transactions, 'run'>,
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

  /** One saga with its state, its history and the timeouts that run. */
  find(saga: string, key: string): Promise<SagaDetails | undefined> {
    return this.transactions.run((tx) => this.store.find(tx, saga, key));
  }
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
