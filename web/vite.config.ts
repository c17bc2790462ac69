import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The Go server serves what is built here from /graphiql, under a policy that allows nothing from elsewhere. Files are named
// after their content, so that browsers may keep them for good.
export default defineConfig({
  base: '/graphiql/',
  plugins: [react()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0, // data: URLs would have to be allowed in the policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4096, // the editor is large, and loaded by itself
    rolldownOptions: {
      input: { graphiql: 'graphiql.html' },
      // Libraries that the React compiler went over say so in directives that mean nothing to bundlers.
      onLog: (level, log, report) => { if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log); },
    },
  },
  worker: { format: 'es' },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'] },
});
