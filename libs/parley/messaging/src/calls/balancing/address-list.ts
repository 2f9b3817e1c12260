import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../clock';
import { addressOf, type CallsUrl, type InstanceAddress } from './calls-url';

/** Milliseconds after which a name that is used is resolved again. */
export const RESOLVE_EVERY_MS = 5_000;
/** Milliseconds between two lookups that failures of instances ask for. */
export const RESOLVE_PAUSE_MS = 500;

/** Finds all addresses of a name. Rejects when there is none. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export const systemLookup: Lookup = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * The addresses that a URL stands for: a list as it is, a name resolved at first use, and again
 * while it is used. A failed lookup keeps the last addresses.
 */
export class AddressList {
  private known: readonly InstanceAddress[];
  private resolving?: Promise<void>;
  private resolvedAt = -Infinity;
  private readonly name?: InstanceAddress;
  /** Why the last lookup failed; undefined when it did not. */
  error?: Error;

  /** @param changed called with the new addresses, and once at first */
  constructor(
    { hosts, balance }: CallsUrl,
    private readonly clock: Pick<Clock, 'elapsed'>,
    private readonly find: Lookup,
    private readonly changed: (addresses: readonly InstanceAddress[]) => void,
  ) {
    const [first] = hosts;
    // The mesh resolves the name itself.
    if (first && isIP(first.host) === 0 && balance !== 'mesh') this.name = first;
    this.known = this.name ? [] : hosts;
    if (!this.name) changed(this.known);
  }

  /** Undefined when the addresses are fresh enough; else resolves when they are. Never rejects. */
  refresh(olderThanMs = RESOLVE_EVERY_MS): Promise<void> | undefined {
    if (!this.name || this.clock.elapsed() - this.resolvedAt < olderThanMs) return this.resolving;
    return (this.resolving ??= this.resolve(this.name));
  }

  private async resolve({ host: name, port }: InstanceAddress): Promise<void> {
    try {
      const hosts = await this.find(name);
      this.error = undefined;
      const found = [...new Set(hosts)].sort().map((host) => ({ host, port, name }));
      if (isDifferent(found, this.known)) this.changed((this.known = found));
    } catch (error) {
      this.error = error as Error;
    } finally {
      this.resolvedAt = this.clock.elapsed();
      this.resolving = undefined;
    }
  }
}

const isDifferent = (a: readonly InstanceAddress[], b: readonly InstanceAddress[]): boolean =>
  a.map(addressOf).join() !== b.map(addressOf).join();
