/** Letters that do not come apart into a Latin one and a mark. */
const SPELLED: Readonly<Record<string, string>> = {
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
  ħ: 'h',
  Ħ: 'H',
  ı: 'i',
  ĸ: 'k',
  ŋ: 'n',
  Ŋ: 'N',
  œ: 'oe',
  Œ: 'OE',
  ſ: 's',
  ẞ: 'SS',
  ə: 'e',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '–': '-',
  '—': '-',
  '…': '...',
  '€': 'EUR',
  '\u00a0': ' ',
};

/** Transcription for the carrier: Greek and Bulgarian addresses in Latin letters. */
const TRANSCRIBED: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f χ ch ψ ps ω o',
    'а a б b в v г g д d е e ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u ф f х h ц ts ч ch ш sh щ sht ъ a ы y ь y э e ю yu я ya ё e і i ї i є ye ґ g ђ dj ј j љ lj њ nj ћ c џ dz',
  ].flatMap((line) =>
    line
      .split(' ')
      .flatMap((letter, index, all) => (index % 2 === 0 ? [[letter, all[index + 1]!]] : [])),
  ),
);

/**
 * Text as PDF's standard fonts can draw it (Latin-1): accents they lack are dropped, Greek and
 * Cyrillic are transcribed, anything else becomes a question mark. A label with a strange name is
 * better than none.
 */
export function latin(text: string): string {
  return [...text.normalize('NFC')].map(drawable).join('');
}

function drawable(character: string): string {
  if (isLatin1(character)) return character;
  const spelled = SPELLED[character] ?? transcribed(character);
  if (spelled !== undefined) return spelled;
  const bare = character.normalize('NFKD').replace(/\p{Mark}/gu, '');
  if (bare === character) return /\p{Mark}/u.test(character) ? '' : '?';
  return bare === '' ? '' : latin(bare);
}

function transcribed(character: string): string | undefined {
  const small = character.toLowerCase();
  const latinLetters = TRANSCRIBED[small];
  if (latinLetters === undefined || small === character) return latinLetters;
  return latinLetters[0]!.toUpperCase() + latinLetters.slice(1);
}

const isLatin1 = (character: string): boolean => /^[ -~¡-ÿ]$/.test(character);
