// The progress of a start: one line that is redrawn on a terminal, plain lines anywhere
// else.
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const CLEAR = '\r\x1b[2K';

/** @param {number} ms */
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

export class Progress {
  #out = process.stdout;
  #waiting = '';
  #frame = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * The things waited for; on a terminal it stays below everything else.
   * @param {string} text
   */
  waitFor(text) {
    this.#waiting = text;
    if (!this.#out.isTTY) return;
    this.#timer ??= setInterval(() => this.#draw(), 100);
    this.#draw();
  }

  /** @param {string} line */
  send(line) {
    if (this.#out.isTTY && this.#timer) this.#out.write(CLEAR);
    this.#out.write(`${line}\n`);
    if (this.#timer) this.#draw();
  }

  done() {
    clearInterval(this.#timer);
    if (this.#timer) this.#out.write(CLEAR);
    this.#timer = undefined;
  }

  #draw() {
    const width = (this.#out.columns ?? 80) - 3;
    this.#out.write(
      `${CLEAR}${SPINNER[this.#frame++ % SPINNER.length]} ${this.#waiting.slice(0, width)}`,
    );
  }
}

/**
 * Columns as wide as their widest cell.
 * @param {string[]} header
 * @param {(string | number | undefined)[][]} rows
 */
export function table(header, rows) {
  const widths = header.map((_, i) =>
    Math.max(...[header, ...rows].map((row) => String(row[i] ?? '').length)),
  );
  /** @param {(string | number | undefined)[]} row */
  const line = (row) =>
    row
      .map((cell, i) => String(cell ?? '').padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    line(header),
    widths.map((width) => '─'.repeat(width)).join('──'),
    ...rows.map(line),
  ].join('\n');
}

/**
 * `[██████░░░░] 612 of 1000`
 * @param {number} done
 * @param {number} total
 * @param {number} [width]
 */
export function bar(done, total, width = 24) {
  const filled = Math.round((done / Math.max(1, total)) * width);
  return `[${'█'.repeat(filled)}${'░'.repeat(width - filled)}] ${done} of ${total}`;
}
