import { type Command, type CommandGroup, isGroup, type Report } from './command-line/command';
import { RefusedError, UsageError } from './command-line/errors';
import { read } from './command-line/read';
import { helpOf } from './command-line/help';
import { PARLEY } from './commands/parley';
import { type Environment, environmentOf } from './config';
import { processTerminal, type Terminal } from './output/terminal';
import { Session, type Surroundings } from './session';

export interface MainOptions extends Surroundings {
  /** Default: that of this process. */
  readonly environment?: Environment;
  /** Default: that of this process. */
  readonly terminal?: Terminal;
}

const EXIT = { well: 0, unwell: 1, usage: 2 } as const;
const HELP_WORDS = ['--help', '-h', 'help'];

/**
 * Runs the operators' command line.
 * @param args what was typed after its name
 * @returns the exit code
 */
export async function main(args: readonly string[], options: MainOptions = {}): Promise<number> {
  const environment = options.environment ?? environmentOf();
  const terminal = options.terminal ?? processTerminal(environment.noColour);
  const session = new Session(terminal, environment, options);
  const { command, path, rest } = find(PARLEY, session.program, args);
  try {
    return await run(command, path, rest, session);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.warn(`${error.message}\n\n${helpOf(command, path)}`);
      return EXIT.usage;
    }
    terminal.warn(textOf(error));
    return EXIT.unwell;
  }
}

/** An error of this program is a bug, and shown with its stack. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof RefusedError ? error.message : (error.stack ?? error.message);
}

interface Found {
  readonly command: Command | CommandGroup;
  readonly path: string;
  readonly rest: readonly string[];
}

/** Follows the words into the groups of commands. */
function find(group: CommandGroup, path: string, args: readonly string[]): Found {
  const [word = '', ...rest] = args;
  const next = group.commands.find(({ name }) => name === word);
  if (!next) return { command: group, path, rest: args };
  const below = `${path} ${word}`;
  return isGroup(next) ? find(next, below, rest) : { command: next, path: below, rest };
}

async function run(
  command: Command | CommandGroup,
  path: string,
  rest: readonly string[],
  session: Session,
): Promise<number> {
  const { terminal } = session;
  if (isGroup(command)) {
    const [word] = rest;
    if (word !== undefined && !HELP_WORDS.includes(word))
      throw new UsageError(`There is no command "${path} ${word}".`);
    terminal.print(helpOf(command, path));
    return EXIT.well;
  }
  const given = read(command, rest);
  if (given.flag('help')) {
    terminal.print(helpOf(command, path));
    return EXIT.well;
  }
  if (command.asksServices !== false) await session.connect(given);
  return printed(await command.run(given, session), given.flag('json'), session);
}

function printed(
  report: Report,
  asJson: boolean,
  { terminal, unanswered, paint }: Session,
): number {
  for (const sentence of unanswered) terminal.warn(paint('red', sentence));
  terminal.print(asJson ? JSON.stringify(report.json, null, 2) : report.text);
  if (report.exitCode !== undefined) return report.exitCode;
  return report.isWell === false || unanswered.length > 0 ? EXIT.unwell : EXIT.well;
}
