import type { Suspects, UnfinishedHandling } from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import type { QueueRegistry } from '../queue/queue-registry';
import { messageId } from '../cloudevents';

/** Counts handlings without an outcome, in the service's own database. */
export class PostgresSuspects implements Suspects {
  constructor(
    private readonly database: Database,
    private readonly queues: QueueRegistry,
  ) {}

  async begin(subscription: string, id: string, instance: string): Promise<void> {
    await this.database.call(BEGIN, [
      await this.queues.of(subscription),
      messageId({ id }),
      instance,
    ]);
  }

  async unfinished(subscription: string, id: string): Promise<readonly UnfinishedHandling[]> {
    const rows = await this.database.call<{ instance: string; at: string }>(UNFINISHED, [
      await this.queues.of(subscription),
      messageId({ id }),
    ]);
    return rows.map(({ instance, at }) => ({ instance, at: new Date(Number(at)) }));
  }

  async end(subscription: string, id: string): Promise<void> {
    await this.database.call(END, [await this.queues.of(subscription), messageId({ id })]);
  }

  async take(subscription: string, part: string, reader: string): Promise<boolean> {
    const [row] = await this.database.call<{ suspect: boolean }>(TAKE, [
      await this.queues.of(subscription),
      part,
      reader,
    ]);
    return row!.suspect;
  }

  async handBack(subscription: string, parts: readonly string[], reader: string): Promise<void> {
    await this.database.call(HAND_BACK, [await this.queues.of(subscription), parts, reader]);
  }
}

const BEGIN: Statement = {
  name: 'parley_begin_suspect',
  text: 'select parley.begin_suspect($1, $2, $3)',
};
const UNFINISHED: Statement = {
  name: 'parley_unfinished_handlings',
  text: 'select instance, at from parley.unfinished_handlings($1, $2)',
};
const END: Statement = { name: 'parley_end_suspect', text: 'select parley.end_suspect($1, $2)' };
const TAKE: Statement = {
  name: 'parley_take_part',
  text: 'select parley.take_part($1, $2, $3) suspect',
};
const HAND_BACK: Statement = {
  name: 'parley_hand_back_parts',
  text: 'select parley.hand_back_parts($1, $2, $3)',
};
