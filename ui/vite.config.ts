import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { mock } from './dev/mock.ts'

// The console is served under any path (the server writes its path into <base href>), with a strict content security
// policy: nothing inline, nothing from elsewhere.
export default defineConfig(({ command }) => ({
  base: './',
  plugins: [react(), ...(command === 'serve' && !process.env.VITEST ? [mock()] : [])],
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
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'], setupFiles: ['src/test/setup.ts'], restoreMocks: true },
}))
