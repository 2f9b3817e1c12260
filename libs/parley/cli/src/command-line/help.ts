import { type Command, type CommandGroup, isGroup, optionsOf } from './command';

/** `--help` of a command or of a group; `path` is how it was called: `parley dead-letters`. */
export function helpOf(one: Command | CommandGroup, path: string): string {
  return isGroup(one) ? helpOfGroup(one, path) : helpOfCommand(one, path);
}

function helpOfGroup({ commands, notes }: CommandGroup, path: string): string {
  const lines = columns(commands.map(({ name, summary }) => [name, summary]));
  return [`${path} <command> [options]`, lines, `${path} <command> --help says more.`, notes]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function helpOfCommand(command: Command, path: string): string {
  const usage = [path, command.parameters, '[options]'].filter(Boolean).join(' ');
  const options = Object.entries(optionsOf(command)).map(
    ([name, { value, help, default: preset, choices }]): [string, string] => [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      [help, choices && `: ${choices.join(', ')}`, preset !== undefined && ` (default ${preset})`]
        .filter(Boolean)
        .join(''),
    ],
  );
  return [usage, `${command.summary}.`, columns(options), command.notes]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n');
}
