import type { Clock } from '../clock';
import type { SubjectKey, SubjectKeys } from '../ports/subject-keys';

/** Milliseconds for which a process may use a key that was erased elsewhere. */
export const KEY_LIFETIME_MS = 60_000;
const MOST = 10_000;

type Found = ReadonlyMap<string, SubjectKey>;

/**
 * The subjects' keys that a process holds: each for a minute at most, used or not, so that an
 * erasure is complete after that time. Concurrent requests are fetched together.
 */
export class SubjectKeyCache {
  private readonly bySubject: KeyCache;
  private readonly byKeyId: KeyCache;
  private readonly byLife: KeyCache;

  constructor(
    readonly keys: SubjectKeys,
    clock: Clock,
  ) {
    this.byKeyId = new KeyCache(clock, (ids) => keys.byId(ids));
    this.bySubject = new KeyCache(clock, async (subjects) => {
      const asked = clock.elapsed();
      const found = await keys.of(subjects);
      // The sender of a message mostly handles it, too: one fetch is enough.
      for (const key of found.values()) this.byKeyId.keep(key.id, key, asked);
      return found;
    });
    this.byLife = new KeyCache(
      clock,
      async (lives) =>
        new Map(
          await Promise.all(
            lives.map(async (life) => [life, await keys.current(Number(life))] as const),
          ),
        ),
    );
  }

  /** A subject's key, made if missing; synchronous when it is known. */
  of(subject: string): SubjectKey | Promise<SubjectKey> {
    return this.bySubject.get(subject) as SubjectKey | Promise<SubjectKey>;
  }

  /** The key of secrets with a life of that many milliseconds; synchronous when it is known. */
  current(life: number): SubjectKey | Promise<SubjectKey> {
    return this.byLife.get(String(life)) as SubjectKey | Promise<SubjectKey>;
  }

  /** A key by id; undefined when it was never made in this key store. */
  byId(id: string): SubjectKey | undefined | Promise<SubjectKey | undefined> {
    return this.byKeyId.get(id);
  }

  /** Drops all cached keys: an erasure takes effect in this process immediately. */
  forget(): void {
    this.bySubject.clear();
    this.byLife.clear();
    this.byKeyId.clear();
  }
}

class KeyCache {
  private readonly known = new Map<string, { readonly key: SubjectKey; readonly until: number }>();
  private next?: { readonly names: Set<string>; readonly found: Promise<Found> };
  private clearings = 0;

  constructor(
    private readonly clock: Clock,
    private readonly fetch: (names: readonly string[]) => Promise<Found>,
  ) {}

  get(name: string): SubjectKey | undefined | Promise<SubjectKey | undefined> {
    const known = this.known.get(name);
    if (known && known.until > this.clock.elapsed()) return known.key;
    this.next ??= this.gather();
    this.next.names.add(name);
    return this.next.found.then((found) => found.get(name));
  }

  /** @param asked when: an erasure may have come right after the answer was made */
  keep(name: string, key: SubjectKey, asked: number): void {
    // moves it to the end: the first keys are forgotten when there are too many
    this.known.delete(name);
    this.known.set(name, { key, until: asked + KEY_LIFETIME_MS });
    if (this.known.size > MOST) this.known.delete(this.known.keys().next().value!);
  }

  clear(): void {
    this.clearings++;
    this.next = undefined; // later requests begin a new fetch
    this.known.clear();
  }

  /** Fetches everything that is requested in one event-loop turn by one request. */
  private gather() {
    const names = new Set<string>();
    const found = new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
      this.fetchAll(names),
    );
    return { names, found };
  }

  private async fetchAll(names: ReadonlySet<string>): Promise<Found> {
    if (this.next?.names === names) this.next = undefined;
    const [asked, clearings] = [this.clock.elapsed(), this.clearings];
    const found = await this.fetch([...names]);
    if (clearings === this.clearings) for (const [name, key] of found) this.keep(name, key, asked);
    return found;
  }
}
