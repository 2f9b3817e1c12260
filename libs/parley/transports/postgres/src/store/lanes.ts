import type {
  DeadLetters,
  Deliver,
  Failure,
  LaneRunner,
  Lanes,
  ParkedMessage,
  Tx,
  RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import { PostgresDeadLetters } from './dead-letters';
import { QueueConsumer, type Consumption } from '../queue/queue-consumer';
import type { QueueRegistry } from '../queue/queue-registry';
import { laneOf, messageId, packHeaders } from '../cloudevents';
import { statement } from './transaction';

/**
 * Parked lanes of other technologies. They are lanes of a queue named after their subscription,
 * retried by the same consumer as commands.
 */
export class PostgresLanes implements Lanes {
  readonly deadLetters: DeadLetters;
  private readonly consumers: { readonly queue: string; readonly consumer: QueueConsumer }[] = [];

  constructor(
    private readonly database: Database,
    private readonly queues: QueueRegistry,
    service: string,
    private readonly surroundings: Pick<Consumption, 'clock' | 'log' | 'passes'>,
  ) {
    this.deadLetters = new PostgresDeadLetters(database, service);
  }

  async park(
    tx: Tx | undefined,
    message: ParkedMessage,
    { after, failure }: { readonly after: number; readonly failure: Failure },
  ): Promise<void> {
    const delay = Number.isFinite(after) ? Math.ceil(after) : null;
    await this.run(tx, PARK, [
      ...(await this.laneAndMessage(message)),
      delay,
      JSON.stringify(failure),
    ]);
    if (delay !== null) this.wakeAfter(message.subscription, delay);
  }

  async parkIfLaneBlocked(tx: Tx | undefined, message: ParkedMessage): Promise<boolean> {
    const [queue, lane, , id, headers, body] = await this.laneAndMessage(message);
    const [row] = await this.run<{ diverted: boolean }>(tx, DIVERT, [
      queue,
      lane,
      id,
      headers,
      body,
      message.passesDeadLetters ?? false,
    ]);
    return row!.diverted;
  }

  async isAnyBlocked(tx: Tx, messages: readonly ParkedMessage[]): Promise<boolean> {
    const [row] = await this.run<{ blocked: boolean }>(tx, ANY_BLOCKED, [
      await this.queues.of(messages[0]!.subscription),
      messages.map(({ key }) => (key === undefined ? null : laneOf(key))),
      messages.map(({ headers, body }) => messageId(headers, body)),
    ]);
    return row!.blocked;
  }

  async parked(subscription: string): Promise<ReadonlySet<string>> {
    const rows = await this.database.call<{ key: string }>(PARKED, [
      await this.queues.of(subscription),
    ]);
    return new Set(rows.map(({ key }) => JSON.parse(key) as string));
  }

  async deadLetter(
    tx: Tx | undefined,
    message: ParkedMessage,
    failure: Failure,
    hold: boolean,
  ): Promise<void> {
    await this.run(tx, BURY, [
      ...(await this.laneAndMessage(message)),
      failure.tries,
      JSON.stringify(failure),
      hold,
    ]);
    if (hold) this.wakeAfter(message.subscription, 0); // of messages that pass it
  }

  deliver(subscriptions: readonly RegisteredSubscription[], deliver: Deliver): LaneRunner {
    const { database } = this;
    const consumers = subscriptions.map((subscription) => {
      const consumer = new QueueConsumer({
        database,
        queue: subscription.name,
        subscription,
        deliver,
        settles: true,
        ...this.surroundings,
      });
      this.consumers.push({ queue: subscription.name, consumer });
      return consumer;
    });
    return {
      start: async () => void (await Promise.all(consumers.map((consumer) => consumer.start()))),
      stop: async () => void (await Promise.all(consumers.map((consumer) => consumer.stop()))),
      backlog: async () =>
        (await Promise.all(consumers.map((consumer) => consumer.backlog()))).flat(),
    };
  }

  /** Returns messages still being handled. */
  async close(): Promise<void> {
    await Promise.all(this.consumers.map(({ consumer }) => consumer.close()));
  }

  private async laneAndMessage({
    subscription,
    key,
    headers,
    body,
  }: ParkedMessage): Promise<unknown[]> {
    const queue = await this.queues.of(subscription);
    return [
      queue,
      key === undefined ? null : laneOf(key),
      key === undefined ? null : JSON.stringify(key),
      messageId(headers, body),
      packHeaders(headers),
      body,
    ];
  }

  private wakeAfter(subscription: string, delay: number): void {
    for (const { queue, consumer } of this.consumers)
      if (queue === subscription) consumer.wakeAfter(delay);
  }

  private async run<Row>(tx: Tx | undefined, what: Statement, values: unknown[]): Promise<Row[]> {
    return tx
      ? ((await statement(tx, what, values)).rows as Row[])
      : ((await this.database.call(what, values)) as Row[]);
  }
}

const PARK: Statement = {
  name: 'parley_park',
  text: 'select parley.park($1, $2, $3, $4, $5, $6, $7, $8)',
};
const DIVERT: Statement = {
  name: 'parley_divert',
  text: 'select parley.divert($1, $2, $3, $4, $5, $6) diverted',
};
const ANY_BLOCKED: Statement = {
  name: 'parley_any_blocked',
  text: 'select parley.any_blocked($1, $2, $3) blocked',
};
const PARKED: Statement = {
  name: 'parley_parked_keys',
  text: 'select key from parley.parked_keys($1) key',
};
const BURY: Statement = {
  name: 'parley_bury_message',
  text: 'select parley.bury_message($1, $2, $3, $4, $5, $6, $7, $8, $9)',
};
