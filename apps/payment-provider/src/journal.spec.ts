import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from './journal';

describe('a journal', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'journal-'));
    file = join(folder, 'deep/ledger.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const written = async (...numbers: number[]) => {
    const { journal } = await Journal.open<{ n: number }>(file);
    await Promise.all(numbers.map((n) => journal.append({ n })));
    await journal.close();
  };

  const read = async () => {
    const { journal, entries } = await Journal.open<{ n: number }>(file);
    await journal.close();
    return entries;
  };

  it('gives back what was appended, in order', async () => {
    await written(1, 2, 3);
    await written(4);
    expect(await read()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }]);
  });

  it('has an entry on the disk when append resolves', async () => {
    const { journal } = await Journal.open<{ n: number }>(file);
    await journal.append({ n: 1 });
    expect(await readFile(file, 'utf8')).toBe('{"n":1}\n');
    await journal.close();
  });

  it('drops a last line that a crash cut short, and goes on behind the whole ones', async () => {
    await written(1);
    await appendFile(file, '{"n":2');
    await written(3);
    expect(await read()).toEqual([{ n: 1 }, { n: 3 }]);
  });

  it('does not open a damaged file, and says where the damage is', async () => {
    await written(1);
    await appendFile(file, '{"n":\n');
    await expect(Journal.open(file)).rejects.toThrow('ledger.jsonl, line 2 is not JSON');
  });

  it('takes nothing more once a write failed', async () => {
    const { journal } = await Journal.open<{ n: number }>(file);
    await journal.close(); // a closed journal cannot be written
    await expect(journal.append({ n: 1 })).rejects.toThrow('ledger.jsonl cannot be written');
    await expect(journal.append({ n: 2 })).rejects.toThrow('ledger.jsonl cannot be written');
  });
});
