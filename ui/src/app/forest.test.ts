import { describe, expect, it } from 'vitest'

import { changed, shape, signature, treeKey, type TreeRow, typeahead } from './forest'
import type { Node } from './types'
import { nameOf, factOf, formatID, gist, parseID, plural, stateOf } from './words'

const node = (id: string, more: Partial<Node> = {}): Node => ({ id, kind: 'Pod', name: id, health: 'Healthy', ours: true, ...more })
const all = { toggled: new Map<string, boolean>(), find: '', openAll: 100 }
const app: Node[] = [
  node('d', { kind: 'Deployment', health: 'Degraded' }), node('rs', { kind: 'ReplicaSet', parent: 'd', health: 'Degraded' }),
  node('bad', { parent: 'rs', health: 'Degraded', reason: 'ImagePullBackOff' }), node('good', { parent: 'rs' }),
  node('d2', { kind: 'Deployment' }), node('rs2', { kind: 'ReplicaSet', parent: 'd2' }), node('p2', { parent: 'rs2' }),
  node('cm', { kind: 'ConfigMap' }),
]
const ids = (s: ReturnType<typeof shape>) => s.map((n) => n.id)

describe('what is shown of an App', () => {
  it('is everything, when it is small', () => {
    expect(ids(shape(app, all))).toEqual(['d', 'rs', 'bad', 'good', 'd2', 'rs2', 'p2', 'cm'])
  })

  it('is the way to the problem, when it is large; what is closed says how much it hides', () => {
    const s = shape(app, { ...all, openAll: 3 })
    expect(ids(s)).toEqual(['d', 'rs', 'bad', 'good', 'd2', 'cm'])
    expect(s.find((n) => n.id === 'd2')).toMatchObject({ branch: true, open: false, hidden: 2 })
  })

  it('is as a person opened and closed it', () => {
    const toggled = new Map([['d', false], ['d2', true], ['rs2', true]])
    expect(ids(shape(app, { ...all, toggled, openAll: 3 }))).toEqual(['d', 'd2', 'rs2', 'p2', 'cm'])
  })

  it.each([
    ['p2', ['d2', 'rs2', 'p2']],
    ['kind:pod state:degraded', ['d', 'rs', 'bad']],
    ['imagepull', ['d', 'rs', 'bad']],
    ['state:degraded,drifted kind:dep', ['d']],
    ['nothing', []],
  ])('is the matches of %j and the way to them', (find, want) => {
    expect(ids(shape(app, { ...all, find }))).toEqual(want)
  })

  it('loses no node to circles, absent parents or children before parents', () => {
    const odd = [node('a', { parent: 'b' }), node('b', { parent: 'a' }), node('c', { parent: 'gone' }), node('e', { parent: 'e' })]
    expect(ids(shape(odd, all)).sort()).toEqual(['a', 'b', 'c', 'e'])
  })

  it('takes a chain of 10,000', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => node(`${i}`, { parent: i === 0 ? undefined : `${i - 1}` }))
    expect(shape(chain, { ...all, openAll: 20_000 })).toHaveLength(10_000)
  })

  it('counts what a fold stands for', () => {
    const s = shape([node('d'), node('f', { parent: 'd', folded: 38 })], { ...all, openAll: 0 })
    expect(s[0]!.hidden).toBe(38)
  })
})

describe('keys in a tree', () => {
  const rows: TreeRow[] = [
    { id: 'd', level: 1, branch: true, open: true, name: 'web' }, { id: 'rs', level: 2, branch: true, open: false, name: 'web-7c9' },
    { id: 'd2', level: 1, branch: false, open: false, name: 'api' },
  ]
  it.each<[string, number, ReturnType<typeof treeKey>]>([
    ['ArrowDown', 0, { go: 'rs' }], ['ArrowDown', 2, undefined], ['ArrowUp', 1, { go: 'd' }], ['ArrowUp', 0, undefined],
    ['ArrowRight', 0, { go: 'rs' }], ['ArrowRight', 1, { toggle: 'rs' }], ['ArrowRight', 2, undefined],
    ['ArrowLeft', 0, { toggle: 'd' }], ['ArrowLeft', 1, { go: 'd' }], ['ArrowLeft', 2, undefined],
    ['Home', 2, { go: 'd' }], ['End', 0, { go: 'd2' }], ['Enter', 1, { open: 'rs' }], [' ', 1, { open: 'rs' }], ['x', 1, undefined],
    ['ArrowDown', -1, { go: 'd' }],
  ])('%s on row %i', (key, at, want) => {
    expect(treeKey(rows, at, key)).toEqual(want)
  })

  it('go to a name that is typed, around the end', () => {
    expect(typeahead(rows, 2, 'w')).toBe('d')
    expect(typeahead(rows, 0, 'w')).toBe('rs')
    expect(typeahead(rows, 0, 'we')).toBe('d')
    expect(typeahead(rows, 0, 'z')).toBeUndefined()
  })
})

it('tells the nodes that changed, and none on the first look', () => {
  expect(changed(undefined, app).size).toBe(0)
  const before = new Map(app.map((n) => [n.id, signature(n)]))
  const now = [...app.map((n) => (n.id === 'cm' ? { ...n, health: 'Missing' } : n)), node('new')]
  expect([...changed(before, now)]).toEqual(['cm', 'new'])
})

describe('words', () => {
  it.each<[Partial<Node>, string]>([
    [{ kind: 'Deployment', name: 'payments-api', health: 'Degraded', message: 'image not found' }, 'Deployment payments-api, Degraded, image not found, 2 of 14'],
    [{ kind: 'Deployment', name: 'payments-api', facts: ['4/4 ready'] }, 'Deployment payments-api, Healthy, 4/4 ready, 2 of 14'],
    [{ kind: 'ConfigMap', name: 'c', sync: 'OutOfSync' }, 'ConfigMap c, Drifted, 2 of 14'],
    [{ kind: 'Pod', name: '', folded: 38, foldedBy: { Healthy: 38 } }, '38 more Pods, 38 healthy, 2 of 14'],
  ])('name %j %j', (n, want) => {
    expect(nameOf(node('x', n), 2, 14)).toBe(want)
  })

  it('show the problem first', () => {
    expect(factOf(node('x', { health: 'Degraded', reason: 'ImagePullBackOff', facts: ['0/1 ready'] }))).toBe('image pull back off · 0/1 ready')
    expect(factOf(node('x', { facts: ['1/1 ready'] }))).toBe('1/1 ready')
  })

  it('call a healthy object that differs from Git drifted, and an unhealthy one by its health', () => {
    expect(stateOf({ health: 'Healthy', sync: 'OutOfSync' })).toBe('Drifted')
    expect(stateOf({ health: 'Degraded', sync: 'OutOfSync' })).toBe('Degraded')
  })

  it.each(['Deployment.apps/shop/web', 'ConfigMap/shop/a', 'Namespace/shop', 'ClusterRole.rbac.authorization.k8s.io/system:x'])('read and write the ID %s', (id) => {
    expect(formatID(parseID(id))).toBe(id)
  })

  it.each([['Pod', 'Pods'], ['Ingress', 'Ingresses'], ['NetworkPolicy', 'NetworkPolicies'], ['Gateway', 'Gateways']])('one %s, two %s', (one, many) => {
    expect(plural(one, 2)).toBe(many)
  })

  it('cut a long chain of causes to its beginning and its end', () => {
    const long = `container api: Back-off pulling image "registry.example.com/api:2.15.0": ErrImagePull: rpc error: code = NotFound desc = failed to pull "registry.example.com/api:2.15.0": failed to resolve: not found`
    expect(gist(long)).toBe('container api: Back-off pulling image "registry.example.com/api:2.15.0": ErrImagePull: rpc error: … not found')
    expect(gist('short: text: stays')).toBe('short: text: stays')
    expect(gist('x'.repeat(1000))).toHaveLength(150)
  })
})
