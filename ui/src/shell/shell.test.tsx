import { cleanup, fireEvent, render } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { summary } from './Announcer'
import { setAppearance } from './appearance'
import { nameOf, useKeys, type Bindings } from './keys'
import { fits } from './Palette'

afterEach(() => {
  cleanup()
  setAppearance({ keys: true })
})

const Keys = ({ on, modal = false }: { on: Bindings; modal?: boolean }) => {
  useKeys(on, 'Test', { modal })
  return <input aria-label="field" />
}
const press = (key: string, more: KeyboardEventInit = {}, target: Element | Window = window) => fireEvent.keyDown(target, { key, ...more })

describe('keys', () => {
  const plain = { key: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false }
  const names: [Partial<typeof plain>, string][] = [
    [{ key: 'j' }, 'j'],
    [{ key: 'J', shiftKey: true }, 'Shift+J'],
    [{ key: '?', shiftKey: true }, '?'],
    [{ key: 'K', ctrlKey: true }, 'Ctrl+k'],
    [{ key: 'k', metaKey: true }, 'Ctrl+k'],
    [{ key: 'ArrowDown', shiftKey: true }, 'Shift+ArrowDown'],
    [{ key: 'x', altKey: true }, ''],
  ]
  for (const [e, want] of names) it(`${JSON.stringify(e)} is ${want || 'none of ours'}`, () => expect(nameOf({ ...plain, ...e })).toBe(want))

  it('do what they are bound to', () => {
    const j = vi.fn()
    render(<Keys on={{ j }} />)
    press('j')
    expect(j).toHaveBeenCalledTimes(1)
  })
  it('are left alone while somebody types', () => {
    const j = vi.fn()
    const k = vi.fn()
    const { getByLabelText } = render(<Keys on={{ j, 'Ctrl+k': k }} />)
    press('j', {}, getByLabelText('field'))
    press('k', { ctrlKey: true }, getByLabelText('field'))
    expect([j.mock.calls.length, k.mock.calls.length]).toEqual([0, 1])
  })
  it('can be chords', () => {
    const go = vi.fn()
    const a = vi.fn()
    render(<Keys on={{ 'g a': go, a }} />)
    press('g')
    press('a')
    press('a')
    expect([go.mock.calls.length, a.mock.calls.length]).toEqual([1, 1])
  })
  it('can be switched off, but for those with Ctrl', () => {
    const j = vi.fn()
    const k = vi.fn()
    render(<Keys on={{ j, 'Ctrl+k': k }} />)
    setAppearance({ keys: false })
    press('j')
    press('k', { ctrlKey: true })
    expect([j.mock.calls.length, k.mock.calls.length]).toEqual([0, 1])
  })
  it('belong to the newest who wants them', () => {
    const first = vi.fn()
    const second = vi.fn()
    render(
      <>
        <Keys on={{ j: first }} />
        <Keys on={{ j: second }} />
      </>,
    )
    press('j')
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1])
  })
  it('are unbound when their component goes', () => {
    const j = vi.fn()
    render(<Keys on={{ j }} />).unmount()
    press('j')
    expect(j).not.toHaveBeenCalled()
  })
})

describe('news for screen readers', () => {
  it('name one App', () => expect(summary(new Map([['shop/web', 'Failed']]))).toBe('shop/web: Failed'))
  it('count several', () => expect(summary(new Map([['a/1', 'Failed'], ['a/2', 'Failed'], ['a/3', 'Synced']]))).toBe('2 Apps Failed, a/3: Synced'))
})

describe('the palette', () => {
  it('finds a page by the beginnings of words in any order', () => expect([fits('Light or dark theme', 'dark li'), fits('Apps', 'x')]).toEqual([true, false]))
})
