import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const ROOT = join(__dirname, '../../../..');

/** A service as a process of its own, with its log lines (stdout) and its other output (stderr). */
export class ServiceProcess {
  readonly lines: Record<string, unknown>[] = [];
  output = '';
  errors = '';
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private received = () => {};

  constructor(argv: readonly string[], variables: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, argv, {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], PORT: '0', ...variables },
    });
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
    this.child.stderr!.on('data', (chunk) => (this.errors += chunk));
    this.child.stdout!.on('data', (chunk) => (this.output += chunk));
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Record<string, unknown>);
      this.received();
    });
  }

  async says(text: string): Promise<string> {
    const found = () =>
      this.lines.map(({ message }) => String(message)).find((message) => message.includes(text));
    void this.ended.then(() => this.received());
    while (!found()) {
      await new Promise<void>((resolve) => (this.received = resolve));
      if (this.child.exitCode !== null && !found())
        throw new Error(
          `ended without saying "${text}": ${this.errors} ${JSON.stringify(this.lines)}`,
        );
    }
    return found()!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
