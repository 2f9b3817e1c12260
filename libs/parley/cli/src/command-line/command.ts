import type { Session } from '../session';
import type { Given } from './given';

/** An option of a command. */
interface OptionDeclaration {
  readonly type: 'string' | 'boolean';
  /** Its value as the help names it: `NAME`. */
  readonly value?: string;
  readonly help: string;
  readonly multiple?: boolean;
  readonly default?: string;
  /** The values that it may have. */
  readonly choices?: readonly string[];
}

export type OptionDeclarations<Name extends string = string> = Readonly<
  Record<Name, OptionDeclaration>
>;

/** The result of a command. */
export interface Report {
  /** Printed by `--json`: an array of flat rows, or an object. */
  readonly json: unknown;
  readonly text: string;
  /** False when what was asked about is not well: the exit code is 1. */
  readonly isWell?: boolean;
  /** An exit code that is neither 0 nor 1. */
  readonly exitCode?: number;
}

export interface Declaration<Name extends string> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Words after the name, as the help shows them: `<contract>`. */
  readonly parameters?: string;
  /** The least and the most words that are no options. Default: none. */
  readonly words?: readonly [least: number, most: number];
  readonly options: OptionDeclarations<Name>;
  /** False for a command that asks no service. */
  readonly asksServices?: boolean;
  /** False for a command that prints a text for another program. */
  readonly hasJson?: boolean;
  /** Sentences below the options. */
  readonly notes?: string;
  run(given: Given<Name>, session: Session): Promise<Report>;
}

/** A command as the command line sees it: its options are names. */
export type Command = Declaration<string>;

/** Commands that share a first word. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly (Command | CommandGroup)[];
  readonly notes?: string;
}

/** Declares a command; its options are known to its `run` by their names. */
export const command = <Name extends string>(declaration: Declaration<Name>): Command =>
  declaration;

export const isGroup = (one: Command | CommandGroup): one is CommandGroup => 'commands' in one;

/** Options of every command that asks services. */
const CONNECTION: OptionDeclarations = {
  url: {
    type: 'string',
    multiple: true,
    value: 'URL',
    help: 'operations of an instance, repeated for more; or PARLEY_URL, with commas',
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    help: 'of operations; better in PARLEY_TOKEN, which no list of processes shows',
  },
};

const JSON_OPTION: OptionDeclarations = {
  json: { type: 'boolean', help: 'one JSON document instead of tables' },
};
const HELP_OPTION: OptionDeclarations = { help: { type: 'boolean', help: 'this text' } };

/** The options of a command with those that it shares. */
export const optionsOf = ({
  options,
  asksServices = true,
  hasJson = true,
}: Command): OptionDeclarations => ({
  ...options,
  ...(asksServices && CONNECTION),
  ...(hasJson && JSON_OPTION),
  ...HELP_OPTION,
});
