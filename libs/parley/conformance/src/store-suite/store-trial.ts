import type { DeadLetter, DeadLetterFilter, Store } from '@parley/messaging';
import type {
  Deliver,
  Delivery,
  Failure,
  LaneRunner,
  Outcome,
  ParkedMessage,
  Tx,
} from '@parley/messaging/transport';
import { failure, idsOf, message, SUBSCRIPTION, subscription } from './store-messages';

/** A store to be tried out. Each test gets an empty one. */
export interface StoreUnderTest {
  readonly store: Store;
  /** The same database, as another instance of the service sees it. */
  another(): Promise<Store>;
  close(): Promise<void>;
}

type Decide = (
  delivery: Delivery,
  count: number,
) => 'handle' | Outcome | Promise<'handle' | Outcome>;

/** The store of the current test, and the steps that several promises take with it. */
export class StoreTrial {
  private readonly runners: LaneRunner[] = [];
  private current?: StoreUnderTest;

  constructor(private readonly make: () => Promise<StoreUnderTest>) {}

  async open(): Promise<void> {
    this.current = await this.make();
  }

  async close(): Promise<void> {
    await Promise.all(this.runners.splice(0).map((runner) => runner.stop()));
    await this.current!.close();
  }

  get store(): Store {
    return this.current!.store;
  }

  another(): Promise<Store> {
    return this.current!.another();
  }

  inTransaction(work: (tx: Tx) => Promise<unknown>): Promise<unknown> {
    return this.store.transaction(work);
  }

  /** Does the work in a transaction that is rolled back. */
  async failing(work: (tx: Tx) => Promise<unknown>): Promise<void> {
    const rolledBack = this.store.transaction(async (tx) => {
      await work(tx);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
  }

  /** Parks the first message, and diverts the later ones behind it. */
  async parkAndDivert([failed, ...successors]: readonly ParkedMessage[]): Promise<void> {
    await this.store.lanes.park(undefined, failed!, { after: 0, failure });
    for (const successor of successors)
      expect(await this.store.lanes.parkIfLaneBlocked(undefined, successor)).toBe(true);
  }

  /** Resolves when there are so many dead letters. */
  async buried(letters: number): Promise<void> {
    while ((await this.store.lanes.deadLetters.count()) < letters) await new Promise(setImmediate);
  }

  /** The oldest dead letter. */
  async only(): Promise<DeadLetter> {
    return (await this.store.lanes.deadLetters.list())[0]!;
  }

  async buryOne(
    options: Parameters<typeof message>[0] = {},
    why: Partial<Failure> = {},
    hold = false,
  ): Promise<DeadLetter> {
    await this.store.lanes.deadLetter(undefined, message(options), { ...failure, ...why }, hold);
    return (await this.store.lanes.deadLetters.list({ newest: true, limit: 1 }))[0]!;
  }

  async idsFound(filter: DeadLetterFilter): Promise<readonly string[]> {
    return (await this.store.lanes.deadLetters.list(filter)).map(({ id }) => id);
  }

  async replayAll(): Promise<readonly boolean[]> {
    const letters = await this.store.lanes.deadLetters.list();
    return Promise.all(letters.map(({ id }) => this.store.lanes.deadLetters.replay(id)));
  }

  /** Stops the runner that was started last. */
  async stopRunner(): Promise<void> {
    await this.runners.pop()!.stop();
  }

  /** Runs the lanes with a handler that only records its messages. */
  runLanes(decide: Decide = () => 'handle') {
    const { store } = this;
    const all: Delivery[] = [];
    const effects: string[] = [];
    const waiting = new Set<() => void>();
    const deliver: Deliver = async (delivery) => {
      all.push(delivery);
      const decision = await decide(delivery, all.length);
      if (decision === 'handle')
        await store.transaction(
          async () => void effects.push(delivery.headers.id!),
          delivery.acknowledgeInTransaction,
        );
      for (const look of waiting) look();
      return decision === 'handle' ? { kind: 'done', settled: true } : decision;
    };
    const runner = store.lanes.deliver([subscription], deliver);
    this.runners.push(runner);
    const started = runner.start();
    const received = (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => all.length >= count && resolve();
        waiting.add(look);
        look();
      });
    /** Until no message is parked any more; a marker in a lane of its own comes last. */
    const settled = async () => {
      await started;
      while ((await store.lanes.parked(SUBSCRIPTION)).size > 0 || all.length === 0)
        await new Promise(setImmediate);
    };
    return {
      all,
      effects,
      received: (count: number) => started.then(() => received(count)),
      settled,
      ids: () => idsOf(all),
    };
  }
}
