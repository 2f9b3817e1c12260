// The arguments of `npm run parley`: read once, refused with what would have been right.
import { parseArgs } from 'node:util';

/** Said in a way that nothing can be made of; shown with the help. */
export class Usage extends Error {
  constructor(message, help) {
    super(message);
    this.help = help;
  }
}

const COMMON = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

/** Reads arguments; prints the help and returns nothing when that is what was asked for. */
export function read(args, { help, options = {}, positionals = [0, 0] }) {
  const { values, positionals: given } = parse(args, { ...COMMON, ...options }, help);
  if (values.help) return void console.log(help);
  const [least, most] = positionals;
  if (given.length < least) throw new Usage('Something is missing.', help);
  if (given.length > most) throw new Usage(`"${given[most]}" is too much.`, help);
  return { ...values, given };
}

function parse(args, options, help) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Usage(error.message, help);
  }
}

export function number(name, text, least, most, help) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new Usage(`--${name} is "${text}", but must be a number from ${least} to ${most}.`, help);
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time (`2026-11-23T09:00:00Z`, `2026-11-23`), or how long ago (`15m`, `2h`, `3d`). */
export function time(name, text, help) {
  if (text === undefined) return undefined;
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const at = unit ? Date.now() - count * UNITS[unit] : Date.parse(text);
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new Usage(
    `--${name} is "${text}", but must be a time (2026-11-23T09:00:00Z) or how long ago (15m, 2h, 3d).`,
    help,
  );
}

/** `orders/12`: letter 12 of orders. */
export function letter(text, help) {
  const [, service, id] = /^([a-z][a-z0-9-]*)\/(\d+)$/.exec(text) ?? [];
  if (id) return { service, id };
  throw new Usage(
    `"${text}" names no dead letter; write <service>/<number>, as the list shows it: orders/12.`,
    help,
  );
}
