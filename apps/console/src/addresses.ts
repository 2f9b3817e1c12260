import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const Addresses = z.record(z.string(), z.array(z.url()));

/** The base URLs of each service's instances. */
export type Addresses = z.output<typeof Addresses>;

/** Undefined: not such a document. */
export function addressesOf(text: string): Addresses | undefined {
  try {
    return Addresses.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Reads the addresses from a file, again whenever it has changed: instances that join while the
 * console runs are known at once. The last good ones are kept while the file is away or unreadable.
 */
export function addressesIn(url: string): () => Addresses {
  const file = fileURLToPath(url);
  let version: string | undefined;
  let known: Addresses = {};
  return () => {
    const stats = statSync(file, { throwIfNoEntry: false });
    const current = stats && `${stats.ino}:${stats.mtimeMs}:${stats.size}`;
    if (current === undefined || current === version) return known;
    version = current;
    return (known = addressesOf(readFileSync(file, 'utf8')) ?? known);
  };
}
