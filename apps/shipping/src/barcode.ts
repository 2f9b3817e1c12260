/**
 * Code 128 (ISO/IEC 15417). A symbol is three bars and three spaces, 11 modules wide; written here
 * as their six widths. Value 0 is a space in set B and the pair 00 in set C; 103–105 start in set
 * A, B, C; the stop symbol has a seventh bar.
 */
const WIDTHS = `
  212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221
  223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321
  112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131
  311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114
  122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141
  214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232`
  .trim()
  .split(/\s+/);
const STOP = '2331112';

const SET_C = 99;
const SET_B = 100;
const START_B = 104;
const START_C = 105;

/**
 * Widths of bars and spaces by turns, beginning with a bar.
 * @throws RangeError for characters outside of printable ASCII
 */
export function code128(text: string): readonly number[] {
  const values = symbolsOf(text);
  const checksum =
    values.reduce((sum, value, position) => sum + value * Math.max(1, position)) % 103;
  const symbols = [...values, checksum].map((value) => WIDTHS[value]!);
  return [...symbols.join(''), ...STOP].map(Number);
}

/**
 * Four digits and more go in set C, two to a symbol; everything else in set B. The first symbol
 * starts a set, later ones change it.
 */
export function symbolsOf(text: string): readonly number[] {
  if (!/^[ -~]+$/.test(text))
    throw new RangeError(`"${text}" cannot be a Code 128 barcode: it takes printable ASCII`);
  const runs = text.match(/(?:\d\d){2,}|(?:(?!\d{4})[ -~])+/g)!;
  return runs.flatMap((run, index) => {
    const digits = /^(?:\d\d){2,}$/.test(run);
    const set = index === 0 ? (digits ? START_C : START_B) : digits ? SET_C : SET_B;
    return [
      set,
      ...(digits
        ? run.match(/../g)!.map(Number)
        : [...run].map((character) => character.charCodeAt(0) - 32)),
    ];
  });
}
