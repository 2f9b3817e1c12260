import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claimDays, type Claim, type ClaimStore } from '../ports/claim-store';
import type { TransportContext } from '../ports/transport';

const HOUR_MS = 3_600_000;
const DAY = 24 * HOUR_MS;

/**
 * Bodies as files of one folder, which all services mount: `file:///var/claims`, or
 * `file:///var/claims?days=90`.
 */
export class FileClaimStore implements ClaimStore {
  readonly address: string;
  private readonly folder: string;
  private readonly lifetime: number;
  private cancel = () => {};

  constructor(
    url: string,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {
    const { pathname } = new URL(url);
    this.folder = fileURLToPath(`file://${pathname}`);
    this.address = `file://${pathname}`;
    this.lifetime = claimDays(url) * DAY;
  }

  async connect(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 }).catch((error: Error) => {
      throw new Error(`CLAIMS_URL: the folder ${this.folder} cannot be made: ${error.message}`, {
        cause: error,
      });
    });
    await this.sweep();
  }

  async sharesDatabaseWith(): Promise<boolean> {
    return false;
  }

  async put(claims: readonly Claim[]): Promise<void> {
    for (const { id, body } of claims) await this.write(join(this.folder, id), body);
    await this.flush();
  }

  async get(id: string): Promise<Buffer | undefined> {
    return readFile(join(this.folder, id)).catch(absent);
  }

  async close(): Promise<void> {
    this.cancel();
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
      for (const name of await readdir(this.folder)) {
        const file = join(this.folder, name);
        const made = await stat(file).catch(absent);
        if (made && made.mtimeMs < over) await rm(file, { force: true });
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
