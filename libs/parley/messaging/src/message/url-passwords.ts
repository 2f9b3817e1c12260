/** Stands for a secret that is not shown. */
export const HIDDEN = '[hidden]';

/** A part of a text that may be a URL, or several with a comma between them. */
const RUN = /[^\s"'<>]+/g;
/**
 * Up to the password. Not matched: a port, and placeholders in the description of such a URL. A
 * scheme begins at the first of a run of its characters: were it tried from each of them, a long
 * run would take quadratic time.
 */
const URL_USER =
  /(?<![a-z0-9+.-])[a-z0-9+.-]+:\/\/(?!(?:user:password|key:secret)@(?:host|…))[^\s/?#:@]*:(?!\d+(?:[/?#]|$))/i;

/**
 * The text without the passwords of URLs. Linear in its length, but unbounded: bound it first.
 * @param isCut the text goes on: of a URL at its end, all behind the user is hidden
 */
export const withoutUrlPasswords = (text: string, isCut = false): string =>
  text.includes('://')
    ? text.replace(RUN, (run, start: number) =>
        withoutPassword(run, isCut && start + run.length === text.length),
      )
    : text;

/**
 * A password ends at the last @, because one that was not percent-encoded, as it has to be, may
 * hold anything. Behind a cut there may be another @.
 */
function withoutPassword(run: string, isCut: boolean): string {
  const end = isCut ? run.length : run.lastIndexOf('@');
  const found = end < 0 ? null : URL_USER.exec(run);
  if (!found) return run;
  const start = found.index + found[0].length;
  return start > end ? run : run.slice(0, start) + HIDDEN + run.slice(end);
}
