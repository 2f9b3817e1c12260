import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// tools/build/page.mjs builds it; `npx vite apps/console/page` serves it while it is written, and
// passes the API on to the console of `npm start`.
export default defineConfig({
  plugins: [react()],
  build: {
    // Of 2024 and later: they know light-dark() of CSS.
    target: ['chrome123', 'edge123', 'firefox128', 'safari17.5'],
    // A file for each asset: the policy of the page allows no code in a URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The layouter of the map is a megabyte of its own, loaded with the map.
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:4080' } },
});
