import { parseArgs } from 'node:util';
import { type Command, type OptionDeclarations, optionsOf } from './command';
import { UsageError } from './errors';
import { Given } from './given';

/**
 * Reads what was typed after a command.
 * @throws {UsageError}
 */
export function read(command: Command, args: readonly string[]): Given<string> {
  const { values, positionals } = parsed(args, optionsOf(command));
  if (values['help'] === true) return new Given(values, positionals);
  const [least, most] = command.words ?? [0, 0];
  if (positionals.length < least)
    throw new UsageError(`Something is missing: ${command.parameters ?? ''}`);
  if (positionals.length > most) throw new UsageError(`"${positionals[most]}" is too much.`);
  return new Given(values, positionals);
}

function parsed(args: readonly string[], declared: OptionDeclarations) {
  const options = Object.fromEntries(
    Object.entries(declared).map(([name, { type, multiple = false, default: preset }]) => [
      name,
      {
        type,
        multiple,
        ...(preset !== undefined && { default: preset }),
        ...(name === 'help' && { short: 'h' }),
      },
    ]),
  );
  const result = strictly(args, options);
  for (const [name, { choices }] of Object.entries(declared)) {
    const value = result.values[name];
    if (choices && typeof value === 'string' && !choices.includes(value))
      throw new UsageError(`--${name} is "${value}", but must be ${choices.join(' or ')}.`);
  }
  return result;
}

function strictly(
  args: readonly string[],
  options: Record<string, { type: 'string' | 'boolean'; multiple: boolean }>,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
