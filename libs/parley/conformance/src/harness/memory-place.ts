import { MemoryStore, type MemoryTx } from '@parley/memory';
import { NotStoredError, type Store, type Technology } from '@parley/messaging';
import type { Tx } from '@parley/messaging/transport';

/** Connections to something in memory that can be away, for one instance. */
export class FaultyLink {
  private up = true;

  isUp = (): boolean => this.up;

  /** There is one connection to drop. */
  set(up: boolean): number {
    const dropped = this.up && !up ? 1 : 0;
    this.up = up;
    return dropped;
  }

  /** @throws when the other side is away */
  require(what: string): void {
    if (!this.up) throw new Error(`${what} cannot be reached`);
  }
}

/** The databases of services, in memory; each instance has a link of its own to it. */
export class MemoryDatabases {
  private readonly databases = new Map<
    string,
    { readonly store: MemoryStore; readonly effects: string[] }
  >();

  of(service: string) {
    let database = this.databases.get(service);
    if (!database)
      this.databases.set(service, (database = { store: new MemoryStore(), effects: [] }));
    return database;
  }

  record(service: string, tx: Tx, effect: string): void {
    const { effects } = this.of(service);
    effects.push(effect);
    (tx as MemoryTx).undo(() => effects.splice(effects.lastIndexOf(effect), 1));
  }

  forget(service: string, olderThan: number): void {
    this.of(service).store.forget(olderThan);
  }

  effects(service: string): readonly string[] {
    return [...this.of(service).effects];
  }

  /**
   * The store as one instance reaches it. Transactions that are open when the link goes down are
   * lost.
   */
  linked(service: string, link: FaultyLink): Store {
    const { store } = this.of(service);
    const transaction: Store['transaction'] = (work, last, ending) => {
      if (!link.isUp()) return Promise.reject(new Error('the database cannot be reached'));
      const lastly = async (tx: Tx) => {
        await last?.(tx);
        link.require('the database');
      };
      return store.transaction(work, lastly, ending);
    };
    return over(store, link, {
      transaction,
      outbox: over(store.outbox, link),
      streamPositions: over(store.streamPositions, link),
      suspects: over(store.suspects, link),
      lanes: over(store.lanes, link, { deadLetters: over(store.lanes.deadLetters, link) }),
    });
  }
}

/** A technology in memory as one instance reaches it. */
export function linkedTechnology(technology: Technology, link: FaultyLink): Technology {
  return {
    ...technology,
    open: (url, context) => over(technology.open!(url, context), link, {}, ['publish']),
  };
}

/** The same object, with promises that are rejected while the link is down. */
function over<T extends object>(
  target: T,
  link: FaultyLink,
  own: Partial<T> = {},
  only?: readonly string[],
): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in own) return own[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const isTied = only ? only.includes(String(name)) : !LOCAL.has(String(name));
      return (...args: unknown[]) => {
        if (isTied && !link.isUp())
          return Promise.reject(new NotStoredError('it cannot be reached'));
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** Members that need no connection, or that cannot reject. */
const LOCAL = new Set(['onAdded', 'deliver', 'unsettled', 'close', 'connect', 'installation']);
