import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { atSource, mapStacks } from './source-positions';

const SOURCE = `import { readFileSync } from 'node:fs';
export interface Order {
  readonly id: string;
}

export class Shop {
  constructor(private readonly file: string) {}

  place(order: Order): Order {
    if (!order.id) throw new TypeError(readFileSync(this.file, 'utf8'));
    return order;
  }
}
`;

describe('positions in stacks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-stacks-'));
  const file = join(folder, 'shop.js');
  const { code, map } = transformSync(SOURCE, {
    filename: 'apps/orders/src/shop.ts',
    sourceMaps: true,
    jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  const lines = code.split('\n');
  const line = lines.findIndex((text) => text.includes('new TypeError'));
  const column = lines[line]!.indexOf('new TypeError');

  beforeAll(() => {
    writeFileSync(file, code);
    writeFileSync(`${file}.map`, map!);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['', 'file://'])('are those of the source, for a file named with "%s"', (scheme) => {
    expect(line + 1).not.toBe(10); // else nothing is proved
    expect(atSource(`async Shop.place (${scheme}${file}:${line + 1}:${column + 1})`)).toBe(
      'async Shop.place (apps/orders/src/shop.ts:10:26)',
    );
  });

  it.each([
    'node:internal/process/task_queues:95:5',
    '/nowhere/main.js:3:4',
    '/app/node_modules/pg/lib/client.js:545:17',
    'Array.map (<anonymous>)',
  ])('stay as they are without a map: %s', (frame) => expect(atSource(frame)).toBe(frame));

  it('are mapped in every stack that is read, whatever was thrown', () => {
    const before = Error.prepareStackTrace;
    try {
      mapStacks();
      const odd = Object.defineProperty(new Error('odd'), 'name', {
        get: () => {
          throw new Error('not to be named');
        },
      });
      expect(new TypeError('plain').stack).toMatch(
        /^TypeError: plain\n {4}at .*source-positions\.spec\.ts:\d+:\d+/,
      );
      expect(() => odd.stack).not.toThrow();
    } finally {
      Error.prepareStackTrace = before;
    }
  });
});
