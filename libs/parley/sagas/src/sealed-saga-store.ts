import {
  type SubjectKeyCache,
  type SubjectKey,
  type Tx,
  keyIdsOf,
  masked,
  encryptFields,
  decryptFields,
} from '@parley/messaging/transport';
import { SagaError } from './saga';
import type { Definition } from './definition';
import type {
  DueTimeout,
  KnownTimeout,
  SagaChange,
  SagaDetails,
  SagaFilter,
  SagaRepair,
  SagaStart,
  SagaStore,
  StoredSaga,
  TimeoutId,
} from './saga-store';

/**
 * Stores sagas with their secrets encrypted, and shows people neither secrets nor personal fields.
 * Steps see the state as it is; an expired secret is replaced by the value that the saga declares.
 */
export class SealedSagaStore implements SagaStore {
  private readonly sagas: ReadonlyMap<string, Definition>;

  constructor(
    private readonly store: SagaStore,
    sagas: readonly Definition[],
    private readonly ring: SubjectKeyCache | undefined,
  ) {
    this.sagas = new Map(sagas.map((saga) => [saga.name, saga]));
    const needy = sagas.find(({ hidden }) => hidden.secret);
    if (needy && !ring)
      throw new SagaError(
        `${needy.name} has secrets, but this service reads no key store; set KEYS_URL, or give MessagingModule a store`,
      );
  }

  async start(tx: Tx, sagas: readonly SagaStart[]): Promise<ReadonlySet<string>> {
    return this.store.start(tx, await this.allSealed(sagas));
  }

  async load(
    tx: Tx,
    name: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, StoredSaga>> {
    const found = await this.store.load(tx, name, keys);
    if (!this.sagas.get(name)?.hidden.secret) return found;
    const opened = new Map<string, StoredSaga>();
    for (const [key, saga] of found) opened.set(key, await this.opened(saga));
    return opened;
  }

  async save(tx: Tx, changes: readonly SagaChange[]): Promise<void> {
    return this.store.save(tx, await this.allSealed(changes));
  }

  async claim(
    tx: Tx,
    known: readonly KnownTimeout[],
  ): Promise<{ readonly timeout: DueTimeout; readonly saga: StoredSaga } | undefined> {
    const claimed = await this.store.claim(tx, known);
    return claimed && { ...claimed, saga: await this.opened(claimed.saga) };
  }

  postpone(tx: Tx, timeout: TimeoutId, after: number, error: string): Promise<void> {
    return this.store.postpone(tx, timeout, after, error);
  }

  nextDue(tx: Tx, known: readonly KnownTimeout[]): Promise<number | undefined> {
    return this.store.nextDue(tx, known);
  }

  /** For people. */
  async list(tx: Tx, filter?: SagaFilter): Promise<readonly StoredSaga[]> {
    return (await this.store.list(tx, filter)).map((saga) => this.shown(saga));
  }

  /** For people. */
  async find(tx: Tx, name: string, key: string): Promise<SagaDetails | undefined> {
    const found = await this.store.find(tx, name, key);
    return found && this.shown(found);
  }

  forget(tx: Tx, name: string, keep: number): Promise<number> {
    return this.store.forget(tx, name, keep);
  }

  note(tx: Tx, repair: Omit<SagaRepair, 'at'>): Promise<void> {
    return this.store.note(tx, repair);
  }

  notes(tx: Tx, name: string, key: string): Promise<readonly SagaRepair[]> {
    return this.store.notes(tx, name, key);
  }

  private async allSealed<S extends Stated>(sagas: readonly S[]): Promise<readonly S[]> {
    const sealed: S[] = [];
    for (const saga of sagas) sealed.push(await this.sealed(saga));
    return sealed;
  }

  private async sealed<S extends Stated>(saga: S): Promise<S> {
    const secret = this.sagas.get(saga.name)?.hidden.secret;
    if (!secret) return saga;
    const state = structuredClone(saga.state);
    encryptFields(state, secret.fields, ownerOf(saga), await this.ring!.current(secret.life));
    return { ...saga, state };
  }

  private async opened<S extends Stated>(saga: S): Promise<S> {
    const secret = this.sagas.get(saga.name)?.hidden.secret;
    if (!secret) return saga;
    const state = structuredClone(saga.state);
    const owner = ownerOf(saga);
    const keys = new Map<string, SubjectKey>();
    for (const id of keyIdsOf(state)) keys.set(id, (await this.ring!.byId(id)) ?? { id });
    return {
      ...saga,
      state: decryptFields(
        state,
        { kind: 'event', name: owner.type, version: 1, secret },
        { ...owner, contractversion: '1' },
        (id) => keys.get(id)!,
      ),
    };
  }

  private shown<S extends Stated>(saga: S): S {
    const hidden = this.sagas.get(saga.name)?.hidden;
    return hidden ? { ...saga, state: masked(structuredClone(saga.state), hidden) } : saga;
  }
}

type Stated = Pick<StoredSaga, 'name' | 'key' | 'state'>;

/** The owner that a secret is bound to: copied into another saga, it cannot be read. */
const ownerOf = ({ name, key }: Stated) => ({ type: `saga ${name}`, id: key });
