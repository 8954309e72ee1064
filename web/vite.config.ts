import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const server = process.env['KYMOGRAPH_URL'] ?? 'http://127.0.0.1:8080'

/** The entry loads the page when it has sent the first requests; the browser may fetch its code at once. */
const preloadPage: Plugin = {
  name: 'preload-page',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { bundle = {} }) => {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
      const early = new Set(chunks.flatMap(({ isEntry, imports }) => (isEntry ? imports : [])))
      const files = new Set<string>()
      const add = (name: string): void => {
        const chunk = bundle[name]
        if (chunk?.type !== 'chunk' || chunk.isEntry || early.has(name) || files.has(name)) return
        files.add(name)
        chunk.imports.forEach(add)
      }
      for (const { fileName, facadeModuleId } of chunks) {
        if (facadeModuleId?.endsWith('/src/app.tsx') === true) add(fileName)
      }
      return [...files].map((name) => ({
        tag: 'link',
        attrs: { rel: 'modulepreload', crossorigin: true, href: `/${name}` },
        injectTo: 'head' as const,
      }))
    },
  },
}

export default defineConfig({
  plugins: [react(), preloadPage],
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
            // Apart, so that the entry can run before the libraries are there.
            { name: 'early', test: /src\/early\.ts/, priority: 1 },
            { name: 'libraries', test: /node_modules(?!.*\.css)/ },
            { name: 'shared', test: /src\/(api|core|charts|panels|ui)\// },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': server } },
})
