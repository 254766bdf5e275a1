// npm test: the unit tests, then the size of what was built. Prints "N passed, N failed".
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measure } from './budget.mjs'

const dir = mkdtempSync(join(tmpdir(), 'plumb-console-'))
const out = join(dir, 'results.json')
let passed = 0
let failed = 0
try {
  spawnSync('node_modules/.bin/vitest', ['run', '--reporter=default', '--reporter=json', '--outputFile.json=' + out, ...process.argv.slice(2)], { stdio: ['ignore', 'inherit', 'inherit'] })
  const results = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : { numPassedTests: 0, numFailedTests: 1, numFailedTestSuites: 1 }
  passed += results.numPassedTests
  failed += results.numFailedTests || (results.numFailedTestSuites > 0 ? 1 : 0)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
if (process.argv.length <= 2) {
  const sizes = measure()
  for (const s of sizes) {
    console.log(`${s.ok ? 'ok  ' : 'FAIL'} ${s.name}: ${s.kib.toFixed(1)} KiB of ${s.target} KiB`)
    if (s.ok) passed++
    else failed++
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
