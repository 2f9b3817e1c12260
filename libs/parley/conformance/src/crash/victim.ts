import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Orders } from './worker';

export interface Death {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const PATIENCE = 60_000;

/** A worker process. Warm: everything is loaded, and nothing is connected yet. */
export class CrashWorker {
  readonly died: Promise<Death>;
  private sent?: string;
  private dead = false;
  private receive = () => {};

  private constructor(private readonly child: ChildProcess) {
    this.died = once(child, 'exit').then(([code, signal]) => ({ code, signal }) as Death);
    void this.died.then(() => ((this.dead = true), this.receive()));
    child.on('message', (sent: string) => ((this.sent = sent), this.receive()));
    child.on('error', () => undefined); // a message to one that died meanwhile
  }

  static fork(worker: string, module: string): CrashWorker {
    return new CrashWorker(
      fork(worker, [module], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** It connects and begins. Resolves when it is at work, or dead already. */
  async go(orders: Orders): Promise<void> {
    await this.until('warm');
    if (this.dead) return;
    this.child.send(orders);
    await this.until('ready');
  }

  /** Frozen, wherever it is. */
  stop(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  async kill(): Promise<Death> {
    if (!this.dead) process.kill(this.pid, 'SIGKILL');
    return this.died;
  }

  /** As a deployment ends it. */
  async end(): Promise<Death> {
    if (!this.dead) this.child.send('end');
    return this.died;
  }

  private until(word: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`worker ${this.pid} was not ${word} within ${PATIENCE} ms`)),
        PATIENCE,
      );
      this.receive = () => {
        if (!this.dead && this.sent !== word && !(word === 'warm' && this.sent === 'ready')) return;
        clearTimeout(timer);
        this.receive = () => {};
        resolve();
      };
      this.receive();
    });
  }
}

/** Has the next workers warmed up while the present one lives. */
export class WorkerPool {
  private readonly warm: CrashWorker[] = [];

  constructor(
    private readonly worker: string,
    private readonly module: string,
    private readonly spare = 1,
  ) {}

  take(): CrashWorker {
    while (this.warm.length <= this.spare)
      this.warm.push(CrashWorker.fork(this.worker, this.module));
    return this.warm.shift()!;
  }

  async close(): Promise<void> {
    await Promise.all(this.warm.splice(0).map((victim) => victim.kill()));
  }
}
