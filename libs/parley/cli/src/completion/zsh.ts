import type { Offer, Place } from './places';

/** A function file of zsh: `_parley`. */
export const zshCompletion = (places: readonly Place[]): string => `#compdef parley
_parley() {
  local place="" i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    case "$place \${words[i]}" in
      ${places.filter(isNamed).map(pattern).join(' | ')}) place="$place \${words[i]}" ;;
    esac
  done
  case "$place" in
${places.map(offersAt).join('\n')}
  esac
  case "$place \${words[CURRENT - 1]}" in
${places.flatMap(choicesAt).join('\n')}
  esac
  _describe parley offers
}
compdef _parley parley`;

const isNamed = ({ path }: Place): boolean => path.length > 0;
const textOf = ({ path }: Place): string => path.map((word) => ` ${word}`).join('');
const pattern = (place: Place): string => `"${textOf(place)}"`;

/** In single quotes; a colon ends the word that is offered. */
const described = ({ word, help }: Offer): string =>
  `'${word}:${help.replaceAll(':', '\\:').replaceAll("'", "'\\''")}'`;

const offersAt = (place: Place): string =>
  `    "${textOf(place)}") offers=(${place.offers.map(described).join(' ')}) ;;`;

const choicesAt = (place: Place): string[] =>
  Object.entries(place.choices).map(
    ([option, choices]) => `    "${textOf(place)} ${option}") offers=(${choices.join(' ')}) ;;`,
  );
