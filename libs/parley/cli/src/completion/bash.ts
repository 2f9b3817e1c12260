import type { Place } from './places';

/** A script that bash sources. */
export const bashCompletion = (places: readonly Place[]): string => `_parley() {
  local word="\${COMP_WORDS[COMP_CWORD]}" place="" offers="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${places.filter(isNamed).map(quoted).join(' | ')}) place="$place \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place" in
${places.map(offersAt).join('\n')}
  esac
  case "$place \${COMP_WORDS[COMP_CWORD - 1]}" in
${places.flatMap(choicesAt).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offers" -- "$word"))
}
complete -o default -F _parley parley`;

const isNamed = ({ path }: Place): boolean => path.length > 0;
const textOf = ({ path }: Place): string => path.map((word) => ` ${word}`).join('');
const quoted = (place: Place): string => `"${textOf(place)}"`;

const offersAt = (place: Place): string =>
  `    ${quoted(place)}) offers="${place.offers.map(({ word }) => word).join(' ')}" ;;`;

const choicesAt = (place: Place): string[] =>
  Object.entries(place.choices).map(
    ([option, choices]) => `    "${textOf(place)} ${option}") offers="${choices.join(' ')}" ;;`,
  );
