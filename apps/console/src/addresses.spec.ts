import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addressesIn, addressesOf } from './addresses';

describe('the addresses of the fleet', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-addresses-'));
  const file = join(folder, 'operations.json');
  const replace = (text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };

  afterAll(() => rmSync(folder, { recursive: true }));

  it('are read again from a file when it was replaced, and kept while it is unreadable or away', () => {
    const current = addressesIn(pathToFileURL(file).href);
    expect(current()).toEqual({});
    replace('{"orders":["http://127.0.0.1:4010"]}');
    expect(current()).toEqual({ orders: ['http://127.0.0.1:4010'] });
    replace('{"orders":["http://127.0.0.1:4010"],"loyalty":["http://127.0.0.1:4700"]}');
    expect(current()).toMatchObject({ loyalty: ['http://127.0.0.1:4700'] });
    replace('{"orders":');
    expect(current()).toMatchObject({ loyalty: ['http://127.0.0.1:4700'] });
    rmSync(file);
    expect(current()).toMatchObject({ loyalty: ['http://127.0.0.1:4700'] });
  });

  it.each(['', '[]', '{"orders":"http://127.0.0.1:4010"}', '{"orders":["nowhere"]}'])(
    'are not read from %s',
    (text) => {
      expect(addressesOf(text)).toBeUndefined();
    },
  );
});
