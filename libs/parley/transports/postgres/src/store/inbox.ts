import type { Inbox, Tx } from '@parley/messaging/transport';
import type { Statement } from '../connection/database';
import type { QueueRegistry } from '../queue/queue-registry';
import { messageId as uuidOf } from '../cloudevents';
import { statement } from './transaction';

export class PostgresInbox implements Inbox {
  constructor(private readonly queues: QueueRegistry) {}

  async record(tx: Tx, subscription: string, messageId: string, print?: string): Promise<boolean> {
    const { rows } = await statement(tx, RECORD, [
      await this.queues.of(subscription),
      uuidOf({ id: messageId }),
      print ?? null,
    ]);
    return (rows[0] as { recorded: boolean }).recorded;
  }

  async recordAll(
    tx: Tx,
    subscription: string,
    messages: readonly { readonly id: string; readonly print?: string }[],
  ): Promise<boolean> {
    const { rows } = await statement(tx, RECORD_ALL, [
      await this.queues.of(subscription),
      messages.map(({ id }) => uuidOf({ id })),
      messages.map(({ print }) => print ?? null),
    ]);
    return (rows[0] as { recorded: boolean }).recorded;
  }
}

const RECORD: Statement = {
  name: 'parley_record_message',
  text: 'select parley.record_message($1, $2, $3) recorded',
};
const RECORD_ALL: Statement = {
  name: 'parley_record_messages',
  text: 'select parley.record_messages($1, $2, $3) recorded',
};
