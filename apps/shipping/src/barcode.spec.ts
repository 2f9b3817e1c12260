import { code128, symbolsOf } from './barcode';

const every = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n));

describe('a Code 128 barcode', () => {
  it('writes letters in set B and digits by pairs in set C', () => {
    expect(symbolsOf('PL')).toEqual([104, 48, 44]);
    expect(symbolsOf('123456')).toEqual([105, 12, 34, 56]);
    expect(symbolsOf('PL123456')).toEqual([104, 48, 44, 99, 12, 34, 56]);
    expect(symbolsOf('12345X')).toEqual([105, 12, 34, 100, 21, 56]);
  });

  it('is 11 modules a symbol and 13 for the stop, with a check symbol before it', () => {
    for (const text of ['PL123456789012', 'Parley', '0'.repeat(20)]) {
      const modules = code128(text).reduce((sum, width) => sum + width, 0);
      expect(modules).toBe(11 * (symbolsOf(text).length + 1) + 13);
    }
  });

  it('draws every character its own way, its bars an even number of modules wide', () => {
    const symbols = every.map((character) => code128(character).slice(6, 12));
    expect(new Set(symbols.map(String)).size).toBe(95);
    for (const [bar1, , bar2, , bar3] of symbols) expect((bar1! + bar2! + bar3!) % 2).toBe(0);
  });

  it('ends with the check symbol of the published example and the stop symbol', () => {
    // start B 104 + 1×W(55) + 2×i(73) + 3×k(75) + 4×i(73) = 822; 822 mod 103 = 101
    expect(code128('Wiki').slice(-13).join('')).toBe('311141' + '2331112'.slice(0, 7));
  });

  it('refuses what it cannot draw', () => {
    expect(() => code128('Zürich')).toThrow('printable ASCII');
    expect(() => code128('')).toThrow('printable ASCII');
  });
});
