/** `€13.80`, as the shop writes it. */
export const euros = (cents: number): string => `€${(cents / 100).toFixed(2)}`;

/** `12:04:17.230` of a moment in ISO 8601, in the reader's time zone. */
export function clock(at: string): string {
  const time = new Date(at);
  const digits = (number: number, count = 2) => String(number).padStart(count, '0');
  return `${digits(time.getHours())}:${digits(time.getMinutes())}:${digits(time.getSeconds())}.${digits(time.getMilliseconds(), 3)}`;
}
