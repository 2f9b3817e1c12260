import { createHash } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { TransportContext } from '../../ports/transport';

/** Milliseconds between two looks at the files. */
const LOOK_EVERY_MS = 2_000;

/** The contents of files by the names of their options. */
export type Contents = Readonly<Partial<Record<string, Buffer>>>;

export interface WatchedFilesOptions<T> {
  /** Paths by the names of their options. */
  readonly paths: Readonly<Partial<Record<string, string>>>;
  /** Name of the files in sentences, in the plural: `the files for TLS`. */
  readonly what: string;
  /** Throws one sentence about contents that cannot be used. */
  readonly make: (contents: Contents) => T;
  readonly log: TransportContext['log'];
}

/** A file with certificates or keys that cannot be used. */
export class UnusableFileError extends Error {
  override readonly name = 'UnusableFileError';
}

/**
 * A value made of the contents of files. The files are read again every 2 s, by their path, as a link
 * may lead elsewhere. Files that cannot be used leave the last good ones in force.
 */
export class WatchedFiles<T> {
  /** Counts the changes. */
  version = 0;
  private value: T;
  private print: string;
  private complaint?: string;
  private readonly listeners = new Set<() => void>();
  private readonly watched: readonly string[];

  /** @throws UnusableFileError */
  constructor(private readonly options: WatchedFilesOptions<T>) {
    const contents = this.read();
    this.value = options.make(contents);
    this.print = printOf(contents);
    this.watched = [...new Set(Object.values(options.paths) as string[])];
    for (const file of this.watched)
      watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, this.look);
  }

  get current(): T {
    return this.value;
  }

  /** Calls back at each change, until these files are closed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  close(): void {
    for (const file of this.watched) unwatchFile(file, this.look);
    this.listeners.clear();
  }

  private read(): Contents {
    const given = Object.entries(this.options.paths) as [string, string][];
    return Object.fromEntries(given.map(([name, path]) => [name, contentOf(name, path)]));
  }

  private readonly look = (): void => {
    const { make, what, log } = this.options;
    try {
      const contents = this.read();
      const print = printOf(contents);
      if (print === this.print) return;
      this.value = make(contents);
      this.print = print;
      this.complaint = undefined;
      this.version++;
      log('info', `${what} have changed, and are in use`);
      for (const listener of this.listeners) listener();
    } catch (error) {
      const { message } = error as Error;
      if (message === this.complaint) return;
      this.complaint = message;
      log('warn', `${what} that were read before stay in use: ${message}`);
    }
  };
}

function contentOf(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UnusableFileError(
      `${name}=${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); it must be a file that this process may read`,
    );
  }
}

const printOf = (contents: Contents): string => {
  const hash = createHash('sha256');
  for (const [name, content] of Object.entries(contents))
    hash.update(`${name} ${content!.length} `).update(content!);
  return hash.digest('hex');
};
