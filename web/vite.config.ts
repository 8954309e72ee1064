import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const server = process.env['KYMOGRAPH_URL'] ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  build: {
    // The Python package ships this folder; the server answers it at `/` and `/assets/`.
    outDir: '../src/kymograph/server/static',
    emptyOutDir: true,
    assetsDir: 'assets',
    target: 'es2022',
    // The polyfill would be one more script, for browsers that all know module preloading.
    modulePreload: { polyfill: false },
    // Data addresses for small files would need `data:` in more places of the page's policy.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // One file of libraries, one of ours, and one per later page: small shared chunks only cost requests.
        codeSplitting: {
          groups: [
            { name: 'libraries', test: /node_modules/ },
            { name: 'shared', test: /src\/(api|core|charts|panels|ui)\// },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': server } },
})
