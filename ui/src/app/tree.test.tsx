import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, describe, expect, it } from 'vitest'

import { shape } from './forest'
import { Graph } from './Graph'
import { TreeList } from './TreeList'
import type { Node } from './types'

// The test's DOM has no sizes of its own.
Object.defineProperties(HTMLElement.prototype, { clientWidth: { get: () => 1200 }, clientHeight: { get: () => 700 } })
afterEach(cleanup)

const node = (id: string, more: Partial<Node> = {}): Node => ({ id, kind: 'Pod', name: id, health: 'Healthy', ours: true, ...more })
const nodes: Node[] = [
  node('d', { kind: 'Deployment', health: 'Degraded', message: 'image not found', name: 'web' }), node('rs', { kind: 'ReplicaSet', parent: 'd', health: 'Degraded' }),
  node('bad', { parent: 'rs', health: 'Degraded', reason: 'ImagePullBackOff' }), node('cm', { kind: 'ConfigMap', name: '<img src=x onerror=alert(1)> \u202eexe' }),
]

function Stage({ lens, onOpen }: { lens: typeof Graph | typeof TreeList; onOpen: (id: string) => void }) {
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map())
  const shown = shape(nodes, { toggled, find: '', openAll: 60 })
  const Lens = lens
  return <Lens shown={shown} label="Objects of shop" selected="" onOpen={(n) => onOpen(n.id)} onToggle={(id, open) => setToggled(new Map(toggled).set(id, open))} />
}

describe.each([['graph', Graph, 'treeitem'], ['list', TreeList, 'row']] as const)('the %s', (_, lens, role) => {
  const items = () => screen.getAllByRole(role).filter((r) => r.hasAttribute('data-id'))
  const ids = () => items().map((i) => i.dataset.id)
  /** What a screen reader says: the label, or what is not hidden from it. */
  const spoken = (el: HTMLElement) => el.getAttribute('aria-label') ?? [...el.children].filter((c) => c.getAttribute('aria-hidden') !== 'true').map((c) => c.textContent).join('')
  const key = (name: string) => fireEvent.keyDown(document.activeElement!, { key: name })
  const start = () => {
    const opened: string[] = []
    render(<Stage lens={lens} onOpen={(id) => opened.push(id)} />)
    items()[0]!.focus()
    return opened
  }

  it('says each node with its state, its cause and its place among its siblings', () => {
    start()
    const first = items()[0]!
    expect(spoken(first)).toBe('Deployment web, Degraded, image not found, 1 of 2')
    expect([first.getAttribute('aria-level'), first.getAttribute('aria-posinset'), first.getAttribute('aria-setsize'), first.getAttribute('aria-expanded')]).toEqual(['1', '1', '2', 'true'])
    expect(items()[2]!.getAttribute('aria-level')).toBe('3')
  })

  it('has one stop for Tab, which the arrows move', () => {
    start()
    const stops = () => items().filter((i) => i.tabIndex === 0).map((i) => i.dataset.id)
    expect(stops()).toEqual(['d'])
    key('ArrowDown')
    expect(stops()).toEqual(['rs'])
    expect((document.activeElement as HTMLElement).dataset.id).toBe('rs')
    key('End')
    expect(stops()).toEqual(['cm'])
  })

  it('closes and opens a branch by Left and Right, and goes to the parent', () => {
    start()
    key('ArrowLeft')
    expect(ids()).toEqual(['d', 'cm'])
    key('ArrowRight')
    key('ArrowRight')
    key('ArrowRight')
    expect((document.activeElement as HTMLElement).dataset.id).toBe('bad')
    key('ArrowLeft')
    expect((document.activeElement as HTMLElement).dataset.id).toBe('rs')
  })

  it('opens a node by Enter and by a click', () => {
    const opened = start()
    key('ArrowDown')
    key('Enter')
    fireEvent.click(items().find((i) => i.dataset.id === 'bad')!)
    expect(opened).toEqual(['rs', 'bad'])
  })

  it('shows hostile names as text, with their tricks drawn', () => {
    start()
    const hostile = items().find((i) => i.dataset.id === 'cm')!
    expect(hostile.querySelector('img')).toBeNull()
    expect(spoken(hostile)).toContain('⟨RLO⟩')
    expect(hostile.textContent).toContain('<img src=x')
    expect(hostile.textContent).not.toContain('\u202e')
  })
})

it('draws only what is in sight of 3,000 nodes', () => {
  const many = Array.from({ length: 3000 }, (_, i) => node(`n${i}`, { parent: i % 5 === 0 ? undefined : `n${i - (i % 5)}` }))
  const shown = shape(many, { toggled: new Map(), find: '', openAll: 5000 })
  const { container } = render(<Graph shown={shown} label="x" selected="" onOpen={() => undefined} onToggle={() => undefined} />)
  expect(container.querySelectorAll('[role=treeitem]').length).toBeGreaterThan(5)
  expect(container.querySelectorAll('*').length).toBeLessThan(1500)
})
