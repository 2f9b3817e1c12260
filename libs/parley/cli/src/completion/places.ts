import { type Command, type CommandGroup, isGroup, optionsOf } from '../command-line/command';

/** A word that a shell may offer. */
export interface Offer {
  readonly word: string;
  readonly help: string;
}

/** Completions of a shell after the words of a command: `['dead-letters', 'list']`. */
export interface Place {
  readonly path: readonly string[];
  readonly isGroup: boolean;
  readonly offers: readonly Offer[];
  /** Values of options, by the option: `--state`. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
}

/** The places of a group and of all below it. */
export function placesIn(group: CommandGroup, path: readonly string[] = []): readonly Place[] {
  const offers = group.commands.map(({ name, summary }) => ({ word: name, help: summary }));
  const below = group.commands.flatMap((one) =>
    isGroup(one) ? placesIn(one, [...path, one.name]) : [placeOf(one, [...path, one.name])],
  );
  return [{ path, isGroup: true, offers, choices: {} }, ...below];
}

function placeOf(command: Command, path: readonly string[]): Place {
  const options = Object.entries(optionsOf(command));
  return {
    path,
    isGroup: false,
    offers: options.map(([name, { help }]) => ({ word: `--${name}`, help })),
    choices: Object.fromEntries(
      options.flatMap(([name, { choices }]) => (choices ? [[`--${name}`, choices]] : [])),
    ),
  };
}
