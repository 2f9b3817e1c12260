import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const GATEWAY = 'http://127.0.0.1:4000';

// tools/build/page.mjs builds it; `npx vite apps/gateway/page` serves it while it is written, and
// passes the API on to the gateway of `npm start`.
export default defineConfig({
  plugins: [react()],
  build: {
    // Of 2024 and later: they know light-dark() of CSS.
    target: ['chrome123', 'edge123', 'firefox128', 'safari17.5'],
    // A file for each asset: the policy of the page allows no code in a URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { '/orders': GATEWAY, '/products': GATEWAY, '/graphql': GATEWAY } },
});
