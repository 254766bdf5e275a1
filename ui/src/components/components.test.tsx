import { cleanup, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it } from 'vitest'
import { Button, CommitRef, Ext, Problem, T, ago, capital, duration, exact, known, plain, safeHref, sentence, span } from '.'

afterEach(cleanup)

// What a commit, an annotation or a manifest can carry.
const HOSTILE = [
  '<script>window.pwned=1</script>',
  '<img src=x onerror="window.pwned=1">',
  '"><svg onload=window.pwned=1>',
  'javascript:window.pwned=1',
  'safe\u202Etxt.exe',
  '\u2066a\u2069\u200bb',
  '\u0000\u001b[31mred',
  '{{constructor.constructor("window.pwned=1")()}}',
]

describe('text that somebody else wrote', () => {
  for (const text of HOSTILE)
    it(`is shown and not run: ${JSON.stringify(text)}`, () => {
      const { container } = render(<T>{text}</T>)
      expect(container.querySelector('script,img,svg,a')).toBeNull()
      expect((window as { pwned?: unknown }).pwned).toBeUndefined()
      expect(container.textContent).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b]/)
    })
  it('shows what turns text around as a mark', () => {
    const { container } = render(<T>{'invoice\u202Efdp.exe'}</T>)
    expect(container.textContent).toBe('invoiceRLOfdp.exe')
    expect(container.querySelector('span')?.textContent).toBe('RLO')
  })
  it('is isolated in its direction', () => expect(render(<T>abc</T>).container.querySelector('bdi')).not.toBeNull())
  it('has marks in attributes too', () => expect(plain('a\u202Eb\u0007')).toBe('a⟨RLO⟩b⟨U+0007⟩'))
  it('keeps scripts that are written from right to left', () => expect(render(<T>{'שלום'}</T>).container.textContent).toBe('שלום'))
  it('keeps what joins the parts of an emoji', () => expect(plain('👩‍🔧')).toBe('👩‍🔧'))
})

describe('links out', () => {
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '//no-scheme', '/relative', 'java\nscript:alert(1)', ''])
    it(`lead nowhere with ${JSON.stringify(bad)}`, () => {
      expect(safeHref(bad)).toBeUndefined()
      const { container } = render(<Ext href={bad}>text</Ext>)
      expect(container.querySelector('a')).toBeNull()
      expect(container.textContent).toBe('text')
    })
  it('tell the other site nothing', () => {
    render(<Ext href="https://git.example.com/x">text</Ext>)
    const a = screen.getByRole('link')
    expect(a.getAttribute('href')).toBe('https://git.example.com/x')
    expect(a.getAttribute('rel')).toContain('noopener')
    expect(a.getAttribute('rel')).toContain('noreferrer')
  })
  it('of a commit are held to the same', () => {
    const { container } = render(<CommitRef commit={{ sha: 'a'.repeat(40), subject: HOSTILE[0], url: 'javascript:alert(1)', links: [{ text: 'PAY-1', url: 'javascript:alert(1)' }, { text: 'PAY-2', url: 'https://t.example.com/PAY-2' }] }} />)
    expect([...container.querySelectorAll('a')].map((a) => a.getAttribute('href'))).toEqual(['https://t.example.com/PAY-2'])
  })
})

describe('time', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  const cases: [string, string][] = [
    ['2026-11-21T11:59:18Z', '42s'],
    ['2026-11-21T11:46:00Z', '14m'],
    ['2026-11-21T10:05:00Z', '1h 55m'],
    ['2026-11-21T05:00:00Z', '7h'],
    ['2026-11-15T12:00:00Z', '6d'],
    ['2026-06-01T12:00:00Z', '24w'],
    ['2023-11-21T12:00:00Z', '3y'],
    ['2026-11-21T12:00:05Z', '0s'],
    ['0001-01-01T00:00:00Z', ''],
    ['nonsense', ''],
  ]
  for (const [at, want] of cases) it(`${at} is ${want || 'no time'}`, () => expect(ago(at, now)).toBe(want))
  it('is nothing where it is not known', () => expect([known(undefined), exact(undefined), span(-5)]).toEqual([false, '', '0s']))
  const lengths: [number | undefined, string][] = [[0.42, '0.4 s'], [29, '29 s'], [59.7, '59 s'], [200, '3 m 20 s'], [2460, '41 m'], [7500, '2 h 5 m'], [200000, '2.3 d'], [undefined, '–']]
  for (const [s, want] of lengths) it(`${s} seconds are ${want}`, () => expect(duration(s)).toBe(want))
})

describe('the sentence of an App', () => {
  const commit = { sha: '9f2c1ab0000' }
  it('says on what it runs', () => expect(sentence({ state: 'Synced', commit })).toBe('Synced on 9f2c1ab'))
  it('says why it failed', () => expect(sentence({ state: 'Failed', message: 'image not found', commit })).toBe('Failed: image not found'))
  it('says what is rolled out', () => expect(sentence({ state: 'Deploying', commit })).toBe('Deploying 9f2c1ab'))
  it('falls back on the reason', () => expect(sentence({ state: 'Waiting', reason: 'Window' })).toBe('Waiting: Window'))
})

describe('a button without the right to it', () => {
  it('stays, says why, and does nothing', () => {
    let clicked = false
    render(
      <Button denied="needs `sync` on App shop/web" onClick={() => (clicked = true)}>
        Sync
      </Button>,
    )
    const b = screen.getByRole('button')
    b.click()
    expect(clicked).toBe(false)
    expect(b.getAttribute('aria-disabled')).toBe('true')
    expect(b.hasAttribute('disabled')).toBe(false)
    expect(b.textContent).toContain('needs `sync`')
  })
})

describe('a problem', () => {
  it('says what, where, why and what next', () => {
    render(<Problem what="Reading the Apps" problem={{ status: 502, reason: 'BadGateway', message: 'the proxy gave up', where: 'apps.yaml:3', next: 'plumb status' }} />)
    const text = screen.getByRole('alert').textContent
    for (const want of ['Reading the Apps failed', 'the proxy gave up', 'apps.yaml:3', 'BadGateway', 'plumb status']) expect(text).toContain(want)
  })
})

describe('a message of the server', () => {
  it.each([
    ['suspended: nothing is applied', 'Suspended: nothing is applied'],
    ['the plan dcb1f4 waits for approval', 'The plan dcb1f4 waits for approval'],
    ['checkout/prod/app.yaml:7: invalid YAML', 'checkout/prod/app.yaml:7: invalid YAML'],
    ['payments-api is not there', 'payments-api is not there'],
    ['', ''],
  ])('begins as a sentence does, unless with a name: %j', (message, want) => expect(capital(message)).toBe(want))
})
