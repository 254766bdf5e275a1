import react from '@vitejs/plugin-react'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'
import { mock } from './dev/mock.ts'

// The console is served under any path (the server writes its path into <base href>), with a strict content security
// policy: nothing inline, nothing from elsewhere.
export default defineConfig(({ command }) => ({
  base: './',
  plugins: [react(), brotli(), ...(command === 'serve' && !process.env.VITEST ? [mock()] : [])],
  server: process.env.PLUMB_API ? { proxy: { '/api': process.env.PLUMB_API, '/auth': process.env.PLUMB_API } } : {},
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
  worker: { format: 'es' as const },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
}))

// brotli writes a compressed copy beside each text file; the server sends it to those who can read it.
function brotli(): Plugin {
  return {
    name: 'plumb-brotli',
    apply: 'build',
    writeBundle({ dir = 'dist' }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|svg)$/.test(name)) continue
        const path = join(dir, name)
        writeFileSync(path + '.br', brotliCompressSync(readFileSync(path), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
      }
    },
  }
}
