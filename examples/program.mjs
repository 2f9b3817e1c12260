// For the tests of the examples: a program that runs, the lines it prints, and requests to it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Milliseconds until a line must have been printed: ends a test that is stuck. */
const LINE_TIMEOUT_MS = 240_000;

export class Program {
  #process;
  /** @type {string[]} */
  #lines = [];
  /** @type {() => void} */
  #wake = () => undefined;
  #ended = false;
  /** Where it listens, once it is ready. */
  url = '';
  /**
   * Sent with each request.
   * @type {Record<string, string>}
   */
  headers = {};

  /**
   * Starts `node dist/main.js`, or another command, in the current folder.
   * @param {string} [command]
   * @param {string[]} [args]
   * @param {NodeJS.ProcessEnv} [env]
   */
  constructor(command = process.execPath, args = ['dist/main.js'], env = {}) {
    this.#process = spawn(command, args, {
      env: { ...process.env, PORT: '0', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        this.#wake();
      });
    this.#process.once('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /**
   * The first line that matches, as soon as it is printed.
   * @param {RegExp} pattern
   */
  async line(pattern) {
    const timer = setTimeout(() => this.kill(), LINE_TIMEOUT_MS);
    try {
      for (;;) {
        const found = this.#lines.map((line) => pattern.exec(line)).find(Boolean);
        if (found) return found;
        if (this.#ended) assert.fail(`no line matches ${pattern}:\n${this.#lines.join('\n')}`);
        await /** @type {Promise<void>} */ (new Promise((resolve) => (this.#wake = resolve)));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits until it listens: `ready at http://127.0.0.1:3000`. */
  async ready() {
    [, this.url = ''] = await this.line(/^ready at (\S+)$/);
    return this;
  }

  /**
   * The answer of a route, parsed; a body makes it a POST.
   * @param {string} path
   * @param {object} [body]
   */
  async ask(path, body, method = body === undefined ? 'GET' : 'POST') {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...this.headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /**
   * Asks again until the answer is right.
   * @template T
   * @param {string} path
   * @param {(answer: T) => unknown} isRight
   * @returns {Promise<T>}
   */
  async eventually(path, isRight) {
    for (const until = performance.now() + LINE_TIMEOUT_MS; ;) {
      const answer = await this.ask(path);
      if (isRight(answer)) return answer;
      if (performance.now() > until) assert.fail(`${path} still answers ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /**
   * Ends it as a supervisor would; resolves when it has ended.
   * @param {NodeJS.Signals} [signal]
   */
  async stop(signal = 'SIGTERM') {
    if (this.#ended) return;
    const ended = once(this.#process, 'close');
    this.#process.kill(signal);
    await ended;
  }

  kill() {
    this.#process.kill('SIGKILL');
  }
}
