import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClaimsAwayError, claimDays, type Claim, type ClaimStore } from '../ports/claim-store';
import type { TransportContext } from '../ports/transport';
import { withTimeout } from '../timeout';

const HOUR_MS = 3_600_000;
const DAY = 24 * HOUR_MS;
/** Milliseconds that the folder has for one body: a network mount may hang for ever. */
const ANSWER_WITHIN_MS = 10_000;
/** Operations on the folder at the same time: one that hangs holds a thread, and Node has four. */
const AT_ONCE = 2;

/**
 * Bodies as files of one folder, which all services mount: `file:///var/claims`, or
 * `file:///var/claims?days=90`.
 */
export class FileClaimStore implements ClaimStore {
  readonly address: string;
  private readonly folder: string;
  private readonly lifetime: number;
  private cancel = () => {};
  /** The ends of the operations that were begun last; a further one waits for one of them. */
  private readonly ends = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  private turn = 0;
  /** Operations that were given up and have not ended yet. */
  private hanging = 0;

  /** @param answerWithin milliseconds */
  constructor(
    url: string,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
    private readonly answerWithin = ANSWER_WITHIN_MS,
  ) {
    const { pathname } = new URL(url);
    this.folder = fileURLToPath(`file://${pathname}`);
    this.address = `file://${pathname}`;
    this.lifetime = claimDays(url) * DAY;
  }

  async connect(): Promise<void> {
    await this.within(() => mkdir(this.folder, { recursive: true, mode: 0o700 })).catch(
      (error: Error) => {
        throw new Error(`CLAIMS_URL: ${error.message}`, { cause: error });
      },
    );
    await this.sweep();
  }

  async sharesDatabaseWith(): Promise<boolean> {
    return false;
  }

  /** @throws ClaimsAwayError */
  async put(claims: readonly Claim[]): Promise<void> {
    for (const { id, body } of claims)
      await this.within(() => this.write(join(this.folder, id), body));
    await this.within(() => this.flush());
  }

  /** @throws ClaimsAwayError */
  async get(id: string): Promise<Buffer | undefined> {
    return this.within(() => readFile(join(this.folder, id)).catch(absent));
  }

  async close(): Promise<void> {
    this.cancel();
  }

  /**
   * Bounds an operation in time. An error of the file system is a state of the folder, never a fault
   * of the message.
   * @throws ClaimsAwayError at once as long as an earlier operation hangs
   */
  private async within<T>(operation: () => Promise<T>): Promise<T> {
    if (this.hanging > 0) throw this.away('an earlier request is still without an answer');
    const place = this.turn++ % AT_ONCE;
    let isLate = false;
    const result = this.ends[place]!.then(() =>
      isLate ? Promise.reject(new Error('too late')) : operation(),
    );
    const end = result.then(nothing, nothing);
    this.ends[place] = end;
    const late = () => {
      isLate = true;
      this.hanging += 1;
      void end.then(() => (this.hanging -= 1));
      return this.away(`no answer within ${this.answerWithin / 1_000} s`);
    };
    try {
      return await withTimeout(this.answerWithin, result, late);
    } catch (error) {
      throw isOfSystem(error) ? this.away(error.message, error) : error;
    }
  }

  private away(why: string, cause?: unknown): ClaimsAwayError {
    return new ClaimsAwayError(`the folder ${this.folder} cannot be used: ${why}`, { cause });
  }

  /** Writes the file so that it exists under its name only when it is complete. */
  private async write(file: string, body: Buffer): Promise<void> {
    const unfinished = `${file}.${randomUUID()}`;
    const handle = await open(unfinished, 'wx', 0o600);
    try {
      await handle.writeFile(body);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  }

  /** Flushes the folder: names of files survive a crash from now on. */
  private async flush(): Promise<void> {
    const folder = await open(this.folder, 'r');
    await folder.sync().finally(() => folder.close());
  }

  private async sweep(): Promise<void> {
    const over = this.context.clock.now() - this.lifetime;
    try {
      for (const name of await this.within(() => readdir(this.folder))) {
        const file = join(this.folder, name);
        const made = await this.within(() => stat(file).catch(absent));
        if (made && made.mtimeMs < over) await this.within(() => rm(file, { force: true }));
      }
    } catch (error) {
      this.context.log(
        'warn',
        `the claims in ${this.folder} could not be swept; trying again in an hour`,
        { error },
      );
    }
    this.cancel = this.context.clock.after(HOUR_MS, () => void this.sweep());
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** True for an error of the operating system: ENOSPC, EIO, ESTALE, EMFILE and their like. */
const isOfSystem = (error: unknown): error is NodeJS.ErrnoException =>
  (error as Partial<NodeJS.ErrnoException>).syscall !== undefined;

const nothing = (): void => undefined;
