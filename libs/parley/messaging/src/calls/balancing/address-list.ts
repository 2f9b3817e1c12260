import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../clock';
import { addressesIn, addressOf, type CallsUrl, type InstanceAddress } from './calls-url';

/** Milliseconds after which a name that is used is resolved again, or a file read again. */
const RESOLVE_EVERY_MS = 5_000;
/** Milliseconds between two lookups that failures of instances ask for. */
export const RESOLVE_PAUSE_MS = 500;

/** Finds all addresses of a name. Rejects when there is none. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export const systemLookup: Lookup = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * The addresses that a URL stands for: a list as it is; a name or a file looked up at first use, and
 * again while it is used. A failed lookup keeps the last addresses.
 */
export class AddressList {
  private known: readonly InstanceAddress[];
  private resolving?: Promise<void>;
  private resolvedAt = -Infinity;
  /** Undefined when the addresses are fixed. */
  private readonly find?: () => Promise<readonly InstanceAddress[]>;
  /** Why the last lookup failed; undefined when it did not. */
  error?: Error;

  /** @param changed called with the new addresses, and once at first */
  constructor(
    url: CallsUrl,
    private readonly clock: Pick<Clock, 'elapsed'>,
    lookupName: Lookup,
    private readonly changed: (addresses: readonly InstanceAddress[]) => void,
  ) {
    this.find = finderOf(url, lookupName);
    this.known = this.find ? [] : url.hosts;
    if (!this.find) changed(this.known);
  }

  /** Undefined when the addresses are fresh enough; else resolves when they are. Never rejects. */
  refresh(olderThanMs = RESOLVE_EVERY_MS): Promise<void> | undefined {
    if (!this.find || this.clock.elapsed() - this.resolvedAt < olderThanMs) return this.resolving;
    return (this.resolving ??= this.resolve(this.find));
  }

  private async resolve(find: () => Promise<readonly InstanceAddress[]>): Promise<void> {
    try {
      const found = await find();
      this.error = undefined;
      if (isDifferent(found, this.known)) this.changed((this.known = found));
    } catch (error) {
      this.error = error as Error;
    } finally {
      this.resolvedAt = this.clock.elapsed();
      this.resolving = undefined;
    }
  }
}

function finderOf({ hosts: [first], file, balance }: CallsUrl, lookupName: Lookup) {
  if (file !== undefined)
    return async () => distinct(addressesIn(await readFile(file, 'utf8'), file));
  // The mesh resolves the name itself.
  if (!first || isIP(first.host) !== 0 || balance === 'mesh') return undefined;
  const { host: name, port } = first;
  return async () => distinct((await lookupName(name)).map((host) => ({ host, port, name })));
}

/** In the order of the addresses, whatever the order of the answer. */
const distinct = (found: readonly InstanceAddress[]): readonly InstanceAddress[] =>
  [...new Map(found.map((one) => [addressOf(one), one]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => one);

const isDifferent = (a: readonly InstanceAddress[], b: readonly InstanceAddress[]): boolean =>
  a.map(addressOf).join() !== b.map(addressOf).join();
