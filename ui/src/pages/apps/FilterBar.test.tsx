import { act, cleanup, fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FilterBar, PAUSE } from './FilterBar'

afterEach(cleanup)
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

let told: string[] = []
let put: (filter: string) => void = () => {}

function Page({ start = '' }: { start?: string }) {
  const [filter, set] = useState(start)
  put = set
  return <FilterBar filter={filter} facets={undefined} onChange={(f) => (told.push(f), set(f))} />
}
const field = () => screen.getByLabelText<HTMLInputElement>('Filter the Apps')
const type = (text: string, every: number) => {
  for (let i = 1; i <= text.length; i++) {
    act(() => void fireEvent.change(field(), { target: { value: text.slice(0, i) } }))
    act(() => void vi.advanceTimersByTime(every))
  }
}
const pause = () => act(() => void vi.advanceTimersByTime(PAUSE + 1))

describe('the filter', () => {
  beforeEach(() => void (told = []))

  it('is told once when six keys come fast', () => {
    render(<Page />)
    type('s-0042', PAUSE / 3)
    pause()
    expect([told, field().value]).toEqual([['s-0042'], 's-0042'])
  })
  it('is told at every key of somebody who types slowly, and loses none', () => {
    render(<Page />)
    type('abc', PAUSE * 2)
    expect([told, field().value]).toEqual([['a', 'ab', 'abc'], 'abc'])
  })
  it('keeps a key that comes before its own word comes back', () => {
    render(<Page />)
    act(() => void fireEvent.change(field(), { target: { value: 'a' } }))
    act(() => {
      vi.advanceTimersByTime(PAUSE)
      fireEvent.change(field(), { target: { value: 'ab' } })
    })
    expect(field().value).toBe('ab')
    pause()
    expect(told).toEqual(['a', 'ab'])
  })
  it('takes what somebody else chose, and forgets what was being typed', () => {
    render(<Page />)
    type('we', 1)
    act(() => put('state:failed'))
    pause()
    expect([told, field().value, screen.getByText('state:failed').textContent]).toEqual([[], '', 'state:failed'])
  })
  it('makes a chip of a term at once, without waiting', () => {
    render(<Page />)
    act(() => void fireEvent.change(field(), { target: { value: 'env:prod ' } }))
    expect([told, field().value]).toEqual([['env:prod'], ''])
  })
  it('is told at once on Enter', () => {
    render(<Page />)
    act(() => void fireEvent.change(field(), { target: { value: 'web' } }))
    act(() => void fireEvent.keyDown(field(), { key: 'Enter' }))
    expect(told).toEqual(['web'])
    pause()
    expect(told).toEqual(['web'])
  })
})
