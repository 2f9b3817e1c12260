const UNITS = [
  { name: 'd', seconds: 86_400 },
  { name: 'h', seconds: 3_600 },
  { name: 'min', seconds: 60 },
  { name: 's', seconds: 1 },
] as const;

/** `3 min`, `2 h 5 min`, `4 d 1 h`: the two greatest units, the second one from hours on. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const at = UNITS.findIndex((unit) => whole >= unit.seconds);
  if (at === -1) return '0 s';
  const [unit, next] = [UNITS[at]!, UNITS[at + 1]];
  const first = `${Math.floor(whole / unit.seconds)} ${unit.name}`;
  const rest = next ? Math.floor((whole % unit.seconds) / next.seconds) : 0;
  return next && next.seconds >= 60 && rest > 0 ? `${first} ${rest} ${next.name}` : first;
}

export const milliseconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : span(ms / 1_000));

/** `3 min ago`; in the future `in 3 min`. Undefined for a text that is no time. */
export function ago(time: string, now: number): string | undefined {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return undefined;
  const seconds = (now - at) / 1_000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
}

/** `2026-11-23 09:24:17Z`, as the command line prints it. */
export const moment = (time: string): string => time.replace('T', ' ').replace(/(?:\.\d+)?Z$/, 'Z');

const digits = new Intl.NumberFormat('en', { useGrouping: true });
export const count = (number: number): string => digits.format(number);

/** `1 dead letter`, `2 dead letters`. */
export const counted = (number: number, what: string, many = `${what}s`): string =>
  `${count(number)} ${number === 1 ? what : many}`;

export const megabytes = (bytes: number): string => `${count(Math.round(bytes / 1_048_576))} MB`;

/** JSON on several lines; any other text as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
