import type { Place } from './places';

/** A file of fish: `completions/parley.fish`. */
export const fishCompletion = (places: readonly Place[]): string =>
  [HEAD, ...places.flatMap(linesOf)].join('\n');

const HEAD = `function __parley_at
  set -l words (commandline -opc)
  set -l place (string join ' ' -- (string match -v -- '-*' $words[2..-1]))
  test "$place" = "$argv"
end
function __parley_in
  set -l words (commandline -opc)
  set -l place (string join ' ' -- (string match -v -- '-*' $words[2..-1]))
  string match -q -- "$argv *" "$place "
end
complete -c parley -n '__parley_at ""' -f`;

function linesOf({ path, isGroup, offers, choices }: Place): string[] {
  const place = path.join(' ');
  const condition = `-n '${isGroup ? '__parley_at' : '__parley_in'} "${place}"'`;
  return offers.map(({ word, help }) => {
    const values = choices[word];
    const offer = isGroup
      ? `-f -a ${word}`
      : `-l ${word.slice('--'.length)}${values ? ` -x -a '${values.join(' ')}'` : ''}`;
    return `complete -c parley ${condition} ${offer} -d '${help.replaceAll("'", "\\'")}'`;
  });
}
