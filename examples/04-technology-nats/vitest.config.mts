import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // The suites of @parley/conformance use `describe`, `it` and `expect` as globals.
    globals: true,
    include: ['src/**/*.spec.ts'],
    testTimeout: 30_000,
  },
});
