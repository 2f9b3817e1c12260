import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Shop } from './shop.mjs';

test('nobody else lists the folder of the shop under test, or reads what its launcher says', () => {
  const shop = new Shop();
  try {
    const modes = [shop.dir, shop.log, path.join(shop.dir, '.data')].map((file) =>
      (fs.statSync(file).mode & 0o777).toString(8),
    );
    assert.deepEqual(modes, ['711', '600', '700']);
  } finally {
    shop.remove();
  }
});
