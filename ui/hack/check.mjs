// npm run check: the API's types made anew, types, linter. Prints "N passed, N failed".
import { spawnSync } from 'node:child_process'

const checks = [
  ['types of the API', 'node', ['hack/types.mjs']],
  ['types', 'node_modules/.bin/tsc', ['-p', '.']],
  ['linter', 'node_modules/.bin/eslint', ['--max-warnings=0', 'src', 'dev', 'e2e', 'bench', 'hack', 'vite.config.ts']],
]
let failed = 0
for (const [name, program, args] of checks) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' })
  if (status !== 0) {
    failed++
    console.error(`${name}: failed`)
  }
}
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
