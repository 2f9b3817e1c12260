import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@parley/conformance';

const PROGRAM = resolve('.data/nats-server');
const STARTED_WITHIN_MS = 20_000;

/** The NATS server of the specs, with a port and a folder of its own. */
export class NatsServer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'parley-nats-'));
  private process?: ChildProcess;
  private port = 0;

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    if (this.process) return;
    this.port ||= await freePort();
    const config = join(this.folder, 'server.conf');
    // Enough for a killed process. A power cut is survived with `sync_interval: always` only.
    writeFileSync(
      config,
      `listen: 127.0.0.1:${this.port}\njetstream { store_dir: "${this.folder}" }\n`,
    );
    this.process = spawn(PROGRAM, ['-c', config], { stdio: 'ignore' });
    const until = performance.now() + STARTED_WITHIN_MS;
    while (!(await answers(this.port)))
      if (performance.now() > until) throw new Error('the NATS server does not start');
  }

  /** `kill -9`: what was confirmed is there at the next start. */
  async kill(): Promise<void> {
    if (!this.process) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
    this.process = undefined;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** True when a server sends its first line: `INFO {…}`. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [line] = await Promise.race([
      once(socket, 'data'),
      once(socket, 'close').then(() => ['']),
    ]);
    return String(line).startsWith('INFO');
  } catch {
    return false;
  } finally {
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
