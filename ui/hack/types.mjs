// npm run types: writes src/api/schema.d.ts from the OpenAPI document that the Go types make. It is not committed; npm run check
// makes it anew, and src/api/contract.ts holds the console's own types against it.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import openapi, { astToString } from 'openapi-typescript'

const ui = join(dirname(fileURLToPath(import.meta.url)), '..')
const document = execFileSync('go', ['run', './hack/openapi'], { cwd: join(ui, '..'), maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'inherit'] })
const ast = await openapi(JSON.parse(document.toString()), { silent: true })
writeFileSync(join(ui, 'src', 'api', 'schema.d.ts'), astToString(ast))
