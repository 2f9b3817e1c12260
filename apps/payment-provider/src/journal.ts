import { type FileHandle, mkdir, open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

interface Waiting {
  readonly line: string;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** A record that could not be written; from then on nothing is taken. */
export class JournalBrokenError extends Error {
  override readonly name = 'JournalBrokenError';
  constructor(file: string, cause: Error) {
    super(
      `${file} cannot be written (${cause.message}); make room or check its permissions, then start again`,
      {
        cause,
      },
    );
  }
}

/**
 * An append-only file of JSON lines. Records written at the same time share one write and one
 * fsync.
 */
export class Journal<Entry> {
  private readonly waiting: Waiting[] = [];
  private last: Promise<void> = Promise.resolve();
  private writing: Promise<void> | undefined;
  private broken: JournalBrokenError | undefined;

  private constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
  ) {}

  /**
   * Opens or makes the file and reads its entries. A last line cut short by a crash was never
   * acknowledged and is dropped.
   */
  static async open<Entry>(file: string): Promise<{ journal: Journal<Entry>; entries: Entry[] }> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const text = await contentOf(file);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) await truncate(file, Buffer.byteLength(whole));
    const lines = whole.split('\n').slice(0, -1);
    const entries = lines.map((line, index) => parse<Entry>(line, `${file}, line ${index + 1}`));
    return { journal: new Journal<Entry>(file, await open(file, 'a', 0o600)), entries };
  }

  /** Resolves when the entry is on the disk. */
  append(entry: Entry): Promise<void> {
    if (this.broken) return Promise.reject(this.broken);
    const written = new Promise<void>((done, failed) =>
      this.waiting.push({ line: `${JSON.stringify(entry)}\n`, done, failed }),
    );
    this.last = written;
    this.writing ??= this.write();
    return written;
  }

  /** Resolves when everything appended so far is on the disk. */
  settled(): Promise<void> {
    return this.last;
  }

  async close(): Promise<void> {
    await this.writing;
    await this.handle.close();
  }

  private async write(): Promise<void> {
    await Promise.resolve(); // entries of the same tick go together
    while (this.waiting.length > 0) await this.writeBatch(this.waiting.splice(0));
    this.writing = undefined;
  }

  private async writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.handle.write(batch.map(({ line }) => line).join(''));
      await this.handle.datasync();
      batch.forEach(({ done }) => done());
    } catch (error) {
      const broken = (this.broken ??= new JournalBrokenError(this.file, error as Error));
      [...batch, ...this.waiting.splice(0)].forEach(({ failed }) => failed(broken));
    }
  }
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function parse<Entry>(line: string, where: string): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    throw new Error(`${where} is not JSON; the ledger was damaged, restore it from a copy`);
  }
}
