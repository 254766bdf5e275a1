import type { Plugin } from 'vite'

/** mock answers the API while developing, so that the console can be built without a daemon. It is never in the bundle. */
export function mock(): Plugin {
  return {
    name: 'plumb-mock',
    configureServer(server) {
      if (process.env.PLUMB_API) return
      server.middlewares.use((req, res, next) => {
        if (!req.url?.startsWith('/api/')) return next()
        void server.ssrLoadModule('/dev/answers.ts').then((m) => (m as { answer: (q: typeof req, a: typeof res) => void }).answer(req, res))
      })
    },
  }
}
