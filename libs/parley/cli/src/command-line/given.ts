import { UsageError } from './errors';
import { timeOf } from './values';

type Values = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

/** The options and words that were typed after a command. */
export class Given<Name extends string> {
  constructor(
    private readonly values: Values,
    readonly words: readonly string[],
  ) {}

  flag(name: Name | 'json' | 'help'): boolean {
    return this.values[name] === true;
  }

  text(name: Name | 'token'): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: Name | 'url'): readonly string[] {
    const value = this.values[name];
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  }

  /** @throws {UsageError} when it is no number from `least` to `most` */
  number(name: Name, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new UsageError(`--${name} is "${text}", but must be a number from ${least} to ${most}.`);
  }

  /**
   * ISO 8601.
   * @throws {UsageError} when it is neither a time nor a span ago
   */
  time(name: Name): string | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : timeOf(name, text);
  }
}
