import { withTimeout } from '@parley/messaging/transport';
import { randomUUID } from 'node:crypto';
import type { Connection, EventContext, Receiver, Sender } from 'rhea';

const ANSWERED_WITHIN_MS = 10_000;

/** The broker refused a request to its management. */
class ManagementRefusedError extends Error {
  override readonly name = 'ManagementRefusedError';
}

/** A queue, as the broker tells of it: every value is text. */
export type QueueInfo = Readonly<
  Record<
    | 'name'
    | 'routingType'
    | 'durable'
    | 'exclusive'
    | 'messageCount'
    | 'scheduledCount'
    | 'deliveringCount'
    | 'consumerCount',
    string
  >
>;

/** The broker's own operations, asked for by messages over the connection that is there already. */
export class Management {
  private readonly waiting = new Map<string, (answer: EventContext) => void>();
  private links?: Promise<{ readonly sender: Sender; readonly receiver: Receiver }>;

  constructor(private readonly connection: Connection) {}

  /** @throws ManagementRefusedError */
  async ask<T>(operation: string, ...parameters: unknown[]): Promise<T> {
    const late = () =>
      new ManagementRefusedError(
        `its management did not answer to ${operation} within ${ANSWERED_WITHIN_MS / 1_000} s`,
      );
    return withTimeout(ANSWERED_WITHIN_MS, this.asked<T>(operation, parameters), late);
  }

  /** Queues with this text in their names. */
  async queues(text: string): Promise<readonly QueueInfo[]> {
    const filter = JSON.stringify({ field: 'name', operation: 'CONTAINS', value: text });
    const page = JSON.parse(await this.ask<string>('listQueues', filter, 1, 10_000)) as {
      readonly data: readonly QueueInfo[];
    };
    return page.data;
  }

  async settings(address: string): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse(await this.ask<string>('getAddressSettingsAsJSON', address)) as Record<
      string,
      unknown
    >;
  }

  private async asked<T>(operation: string, parameters: readonly unknown[]): Promise<T> {
    const { sender, receiver } = await (this.links ??= this.attach().catch((error: unknown) => {
      this.links = undefined; // a refused request may be granted the next time
      throw error;
    }));
    const id = randomUUID();
    const answered = new Promise<T>((resolve, reject) => {
      this.waiting.set(id, ({ message }) => {
        // An operation without a result has no body.
        const [answer] = (JSON.parse(message!.body ? String(message!.body) : '[]') ?? []) as [T];
        if (message!.application_properties?._AMQ_OperationSucceeded) resolve(answer);
        else reject(new ManagementRefusedError(String(answer)));
      });
    });
    sender.send({
      reply_to: receiver.source.address,
      correlation_id: id,
      application_properties: { _AMQ_ResourceName: 'broker', _AMQ_OperationName: operation },
      body: JSON.stringify(parameters),
    });
    return answered.finally(() => this.waiting.delete(id));
  }

  private async attach() {
    const receiver = this.connection.open_receiver({ source: { dynamic: true } as never });
    receiver.on('message', (context: EventContext) =>
      this.waiting.get(String(context.message!.correlation_id))?.(context),
    );
    await attached(receiver, 'receiver_open');
    const sender = this.connection.open_sender('activemq.management');
    await attached(sender, 'sendable');
    for (const link of [receiver, sender])
      for (const end of ['receiver_close', 'sender_close'])
        link.on(end, () => (this.links = undefined));
    return { sender, receiver };
  }
}

/** Waits for the link to be there; rejects with the broker's error when it refuses. */
export function attached(
  link: Sender | Receiver,
  event: 'receiver_open' | 'sendable',
): Promise<void> {
  return new Promise((resolve, reject) => {
    link.once(event, () => resolve());
    for (const end of ['receiver_error', 'sender_error'])
      link.on(end, () => reject(linkError(link)));
    for (const end of ['receiver_close', 'sender_close'])
      link.on(end, () => reject(new Error('the broker closed the link')));
  });
}

/** The broker's reason for closing a link: `amqp:not-found`, `amqp:unauthorized-access` … */
export function linkError(link: Sender | Receiver): Error {
  const { condition, description } = (link.error ?? {}) as {
    condition?: string;
    description?: string;
  };
  return Object.assign(new Error(description ?? condition ?? 'the broker closed the link'), {
    condition,
  });
}
