import { randomUUID } from 'node:crypto';
import { MemorySubjectKeys } from '@parley/memory';
import {
  Messaging,
  type HandlerContext,
  type Messenger,
  type Store,
  type Technology,
  type Transactions,
} from '@parley/messaging';
import { type OutgoingMessage, systemClock } from '@parley/messaging/transport';
import { plainPayload } from './plain-payload';

/** A message that a handler sent. */
export interface SentMessage {
  readonly contract: string;
  readonly message: unknown;
  /** Milliseconds it is held back. */
  readonly delay?: number;
}

export interface AttemptOptions {
  /** 1 the first time. */
  readonly attempt?: number;
  /** The process ends when everything is done but the commit. */
  readonly crash?: boolean;
}

/** The process ended before it could commit. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
  constructor() {
    super('the process ended before the commit');
  }
}

/**
 * Tests a handler by itself, with a real Messenger and the transactions of a store, but without
 * delivery. Messages count as sent once their transaction has committed.
 */
export class HandlerTestKit {
  /** Everything said so far, in order. */
  readonly sent: SentMessage[] = [];
  readonly messenger: Messenger;
  readonly transactions: Transactions;
  private readonly subjectKeys = new MemorySubjectKeys(systemClock);

  constructor(service: string, store: Pick<Store, 'transaction'>) {
    const log = () => undefined;
    const urls = { commands: 'trial://', broadcasts: 'trial://', events: 'trial://' };
    const messaging = new Messaging({
      service,
      instance: 'trial',
      build: 'trial',
      urls,
      technologies: [this.technology()],
      keys: 'trial://',
      store: this.keeping(store),
      log,
    });
    this.messenger = messaging.messenger;
    this.transactions = messaging.transactions;
  }

  /** Handles one message in a handler of `transaction: 'own'`. */
  async handle(
    run: (context: HandlerContext) => Promise<unknown>,
    { attempt = 1, crash = false }: AttemptOptions = {},
  ): Promise<void> {
    const acknowledge = async () => {
      if (crash) throw new CrashError();
    };
    await run({
      envelope: { id: randomUUID() } as HandlerContext['envelope'],
      attempt,
      signal: new AbortController().signal,
      get tx(): never {
        throw new Error('with transaction: own there is none yet');
      },
      transaction: (work) => this.transactions.commit(work as (tx: object) => never, acknowledge),
    });
  }

  /** The sent messages of one contract. */
  messages({ name }: { readonly name: string }): unknown[] {
    return this.sent.filter(({ contract }) => contract === name).map(({ message }) => message);
  }

  /** A store with an outbox that reports messages once they are committed. */
  private keeping(store: Pick<Store, 'transaction'>): Store {
    const kept = new WeakMap<object, OutgoingMessage[]>();
    return {
      transaction: async (work, last, ending) => {
        const { result, messages } = await store.transaction(
          async (tx) => ({ result: await work(tx), messages: kept.get(tx) ?? [] }),
          last,
          ending,
        );
        this.note(messages);
        return result;
      },
      outbox: {
        add: async (tx, messages) => void kept.set(tx, [...(kept.get(tx) ?? []), ...messages]),
      },
      lanes: {} as Store['lanes'], // no message of a handler under test is parked or dead
    } as Store;
  }

  private technology(): Technology {
    const transport = {
      technology: 'trial',
      delays: true,
      publish: async (messages: readonly OutgoingMessage[]) => this.note(messages),
    };
    return {
      name: 'trial',
      schemes: ['trial'],
      kinds: ['command', 'broadcast', 'event'],
      open: () => transport as never,
      openKeys: () => this.subjectKeys,
    };
  }

  private note(messages: readonly OutgoingMessage[]): void {
    this.sent.push(
      ...messages.map((message) => ({
        contract: message.contract.name,
        message: plainPayload(message, this.subjectKeys),
        delay: message.delay,
      })),
    );
  }
}
