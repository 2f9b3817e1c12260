import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const REQUIREMENTS = join(__dirname, 'requirements.txt');
const KEPT = resolve(__dirname, '../../../../../.data/python');
const INSTALLED_WITHIN = 180_000;
const ANSWERED_WITHIN = 40_000;

/** Python with the clients that a file of requirements names, or why it cannot be had. */
export type Python = { readonly libraries: string } | { readonly missing: string };

/**
 * Installs the clients once, into a folder of their own below `.data` that is named after its
 * contents; after that no network is needed. Synchronous, because a spec needs the result before it
 * declares its tests.
 */
export function python(requirements = REQUIREMENTS): Python {
  const [version, noPython] = attempt(['--version'], 10_000);
  if (noPython) return { missing: 'there is no python3' };
  const libraries = join(
    KEPT,
    createHash('sha256')
      .update(version)
      .update(readFileSync(requirements))
      .digest('hex')
      .slice(0, 16),
  );
  if (existsSync(libraries)) return { libraries };
  return install(libraries, requirements);
}

/** Beside first, then moved into place: two runs at once, or one that is broken off, do no harm. */
function install(libraries: string, requirements: string): Python {
  const unfinished = `${libraries}.${process.pid}`;
  mkdirSync(dirname(libraries), { recursive: true });
  const [, failed] = attempt(
    [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--target',
      unfinished,
      '-r',
      requirements,
    ],
    INSTALLED_WITHIN,
  );
  try {
    if (!failed) renameSync(unfinished, libraries);
  } catch {
    // Another process was faster.
  }
  rmSync(unfinished, { recursive: true, force: true });
  return existsSync(libraries)
    ? { libraries }
    : { missing: `pip could not install its clients (${failed})` };
}

/** The printed text, or the last line of the complaint. */
function attempt(args: readonly string[], timeout: number): [printed: string, failed?: string] {
  try {
    return [
      execFileSync('python3', args, {
        timeout,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    ];
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return ['', (stderr || message).trim().split('\n').at(-1)];
  }
}

export interface Asked {
  readonly url: string;
  readonly verb: 'say' | 'hear';
  /** Where, in the technology's words. */
  readonly at: Readonly<Record<string, string>>;
  readonly key?: string | null;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly data?: unknown;
}

/** A message as the program found it. */
export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

type Answer = { ready?: true; sent?: true; headers?: Received['headers']; body?: string };

/** One of the programs here while it runs. */
export class Program {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly answers: Answer[] = [];
  private complaints = '';
  private wake = () => {};
  private ended = false;

  constructor(libraries: string, name: string, asked: Asked) {
    this.child = spawn('python3', ['-B', join(__dirname, 'run.py'), libraries, name], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => void (this.complaints += text));
    this.child.once('close', () => ((this.ended = true), this.wake()));
    createInterface(this.child.stdout).on(
      'line',
      (line) => (this.answers.push(JSON.parse(line) as Answer), this.wake()),
    );
    this.child.stdin.end(JSON.stringify({ key: null, ...asked }));
  }

  async sent(): Promise<void> {
    await this.answer(({ sent }) => sent === true, 'to have sent it');
  }

  /** From now on it misses nothing. */
  async ready(): Promise<void> {
    await this.answer(({ ready }) => ready === true, 'to listen');
  }

  async received(): Promise<Received> {
    const { headers, body } = await this.answer(
      ({ headers }) => headers !== undefined,
      'to have received a message',
    );
    return { headers: headers!, body: Buffer.from(body!, 'base64') };
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private async answer(which: (answer: Answer) => boolean, what: string): Promise<Answer> {
    const timer = setTimeout(() => this.stop(), ANSWERED_WITHIN);
    try {
      for (;;) {
        const found = this.answers.find(which);
        if (found) return found;
        if (this.ended)
          throw new Error(
            `the Python program ended before it came ${what}: ${this.complaints.slice(-2_000)}`,
          );
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
