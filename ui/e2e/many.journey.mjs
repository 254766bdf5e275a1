import assert from 'node:assert/strict'
import { visitor } from './browser.mjs'
import { keystrokes, many, open, stir } from './many.mjs'

// A small number of Apps with much patience: npm run bench measures 10,000. What grows with the number of Apps shows here too.
const N = 1500

export const journeys = [
  [`${N} Apps: first rows, keystrokes, bytes`, async ({ browser, plumb, base }) => {
    await many(plumb, N)
    const { context } = await visitor(browser, plumb, base)
    const page = await context.newPage()
    const cold = await open(page, base)
    const typed = await keystrokes(page, 's-0042', 3)
    const stop = stir(plumb, N, 50)
    const stirred = await keystrokes(page, 's-0043', 3)
    stop()
    console.log(`     ${JSON.stringify({ ...cold, typed, stirred })}`)
    assert.ok(cold.firstRows <= 3000, `first rows after ${cold.firstRows} ms`)
    assert.ok(cold.transferKB <= 350, `${cold.transferKB} kB were loaded`)
    assert.ok(typed <= 1500, `six keystrokes took ${typed} ms`)
    assert.ok(stirred <= 2000, `six keystrokes at 50 updates a second took ${stirred} ms`)
    assert.ok((await page.evaluate(() => document.querySelectorAll('*').length)) < 2500)
    await context.close()
  }],
]
