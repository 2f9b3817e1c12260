import { createInterface } from 'node:readline/promises';

/** Where a command prints and asks. */
export interface Terminal {
  /** True when a person can answer. */
  readonly isInteractive: boolean;
  readonly hasColours: boolean;
  /** Writes a line to standard output. */
  print(text: string): void;
  /** Writes a line to standard error. */
  warn(text: string): void;
  /** Redraws the last line of an interactive terminal; undefined clears it. */
  progress(text: string | undefined): void;
  ask(question: string): Promise<string>;
  /** Calls back when the person wants to stop (Ctrl-C), once; the returned function forgets that. */
  onStop(stop: () => void): () => void;
}

const CLEAR_LINE = '\r\x1b[2K';

/** The terminal of this process. */
export function processTerminal(noColour: boolean): Terminal {
  const { stdin, stdout, stderr } = process;
  // The reader of the output may have read enough (`| head`).
  stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : 1),
  );
  return {
    isInteractive: stdin.isTTY && stdout.isTTY,
    hasColours: stdout.isTTY && !noColour,
    print: (text) => void stdout.write(`${text}\n`),
    warn: (text) => void stderr.write(`${text}\n`),
    progress: (text = '') => {
      if (stdout.isTTY) stdout.write(`${CLEAR_LINE}${text.slice(0, stdout.columns - 1)}`);
    },
    ask: async (question) => {
      const lines = createInterface({ input: stdin, output: stdout });
      return lines.question(question).finally(() => lines.close());
    },
    onStop: (stop) => {
      process.once('SIGINT', stop);
      return () => void process.off('SIGINT', stop);
    },
  };
}
