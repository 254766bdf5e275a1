import { describe, expect, it } from 'vitest'

import { shape } from './forest'
import { layout } from './layout'
import { dependenciesOf, objectsIn, regroup } from './lens'
import type { Node } from './types'
import { isCalm, objectOf } from './words'

const node = (id: string, more: Partial<Node> = {}): Node => {
  const [kind = '', name = id] = id.split('/')
  return { id, kind: kind.split('.')[0]!, name, health: 'Healthy', ours: true, ...more }
}

/** The forest as lines: each node below its parent, by its depth. */
function drawn(nodes: readonly Node[]): string[] {
  const depth = new Map<string, number>()
  return nodes.map((n) => {
    expect(n.parent === undefined || depth.has(n.parent), `the parent of ${n.id} comes before it`).toBe(true)
    expect(depth.has(n.id), `${n.id} stands twice`).toBe(false)
    const d = n.parent === undefined ? 0 : depth.get(n.parent)! + 1
    depth.set(n.id, d)
    return `${'  '.repeat(d)}${n.role === 'group' ? n.name : `${n.kind} ${n.name}`}${n.role === 'outside' ? ' (outside)' : ''}`
  })
}

describe('by traffic', () => {
  const web: Node[] = [
    node('HTTPRoute/shop', { sources: ['Gateway.gateway.networking.k8s.io/infra/public'], targets: ['Service/web'] }),
    node('Service/web', { targets: ['Pod/a', 'Pod/b'] }), node('Pod/a', { ours: false }), node('Pod/b', { ours: false, health: 'Degraded' }),
  ]

  it('goes from the gateway over route and Service to the Pods, and names the gateway of others', () => {
    expect(drawn(regroup(web, 'traffic'))).toEqual(['Gateway public (outside)', '  HTTPRoute shop', '    Service web', '      Pod a', '      Pod b'])
  })

  it('takes a gateway that is in another App for no trouble, and opens nothing for it', () => {
    const gateway = regroup(web, 'traffic')[0]!
    expect(isCalm(gateway)).toBe(true)
    expect(objectOf(gateway)).toBeUndefined()
  })

  it('shows an object that two send traffic to twice, and what is below it once', () => {
    const nodes = [node('Ingress/a', { targets: ['Service/s'] }), node('Ingress/b', { targets: ['Service/s'] }), node('Service/s', { targets: ['Pod/p'] }), node('Pod/p')]
    const got = regroup(nodes, 'traffic')
    expect(drawn(got)).toEqual(['Ingress a', '  Service s', '    Pod p', 'Ingress b', '  Service s'])
    expect(got.map(objectOf)).toEqual(['Ingress/a', 'Service/s', 'Pod/p', 'Ingress/b', 'Service/s'])
    expect(objectsIn(got)).toBe(4)
  })

  it('puts Pods that no Service reaches last, in a group', () => {
    expect(drawn(regroup([node('Pod/worker'), node('Service/s', { targets: ['Pod/p'] }), node('Pod/p')], 'traffic'))).toEqual(['Service s', '  Pod p', 'Pods behind no Service', '  Pod worker'])
  })

  it('ends where traffic goes in a circle', () => {
    const nodes = [node('Service/a', { targets: ['Service/b'] }), node('Service/b', { targets: ['Service/a'] }), node('Service/c', { targets: ['Service/c'] })]
    expect(drawn(regroup(nodes, 'traffic'))).toEqual(['Service c', 'Service a', '  Service b', '    Service a'])
  })

  it('puts entrances first, and of equals the worst', () => {
    const nodes = [node('Service/z'), node('Ingress/b'), node('Ingress/a'), node('Ingress/bad', { health: 'Degraded' }), node('Gateway/g')]
    expect(drawn(regroup(nodes, 'traffic'))).toEqual(['Gateway g', 'Ingress bad', 'Ingress a', 'Ingress b', 'Service z'])
  })
})

describe('by order', () => {
  const nodes: Node[] = [
    node('Deployment/web', { wave: 1, after: ['StatefulSet.apps/shop/db'], facts: ['2/2 ready'] }), node('StatefulSet/db'), node('Job/migrate', { hook: true, phases: ['Before'] }),
    node('Job/smoke', { hook: true, phases: ['After'], health: 'Degraded' }), node('Namespace/shop'), node('ConfigMap/early', { wave: -5 }),
  ]

  it('is the order of time: hooks before, foundations, waves by number, hooks after', () => {
    expect(drawn(regroup(nodes, 'dependency'))).toEqual([
      'Hooks before', '  Job migrate', 'Namespaces and CRDs', '  Namespace shop', 'Wave -5', '  ConfigMap early', 'Wave 0', '  StatefulSet db', 'Wave 1', '  Deployment web', 'Hooks after', '  Job smoke',
    ])
  })

  it('says what an object is applied after', () => {
    expect(regroup(nodes, 'dependency').find((n) => n.id === 'Deployment/web')!.facts).toEqual(['after StatefulSet db', '2/2 ready'])
  })

  it('begins with what the App waits for, and how that fares', () => {
    const waits = dependenciesOf({ dependsOn: [{ app: { name: 'db' } }, { app: { name: 'net', namespace: 'infra' } }, { object: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x', namespace: 'y' } }] }, 'team')
    expect(waits.map((d) => d.id)).toEqual(['App.plumb.cd/team/db', 'App.plumb.cd/infra/net', 'Deployment.apps/y/x'])
    const got = regroup([node('Service/s')], 'dependency', waits.map((d) => ({ ...d, state: d.name === 'db' ? 'Failed' : undefined })))
    expect(drawn(got)).toEqual(['Waited for first', '  App db (outside)', '  App net (outside)', '  Deployment x (outside)', 'Wave 0', '  Service s'])
    expect(got.map((n) => n.health)).toEqual(['Degraded', 'Degraded', '', '', 'Healthy', 'Healthy'])
  })

  it.each([[undefined], [{ dependsOn: 'x' }], [{ dependsOn: [null, 7, { app: {} }, { object: { name: 'x' } }] }]])('takes %j for no dependency', (spec) => {
    expect(dependenciesOf(spec, 'team')).toEqual([])
  })
})

describe('by node', () => {
  it('has what is on no node first, then the node with trouble, then by name as people count', () => {
    const nodes = [
      node('Pod/a', { node: 'worker-10' }), node('Pod/b', { node: 'worker-2' }), node('Pod/c', { node: 'worker-3', health: 'Degraded' }), node('Pod/d', { health: 'Progressing' }), node('Service/s'),
    ]
    const got = regroup(nodes, 'nodes')
    expect(drawn(got)).toEqual(['Not on a node', '  Pod d', 'worker-3', '  Pod c', 'worker-2', '  Pod b', 'worker-10', '  Pod a'])
    expect(got[2]).toMatchObject({ health: 'Degraded', facts: ['0 of 1 Pod healthy'] })
    expect(objectsIn(got)).toBe(4)
  })
})

describe('many', () => {
  it('are folded by kind where all of them are well, and the others stand beside', () => {
    const nodes = [...Array.from({ length: 21 }, (_, i) => node(`ConfigMap/c${i}`)), node('Deployment/bad', { health: 'Degraded' })]
    expect(drawn(regroup(nodes, 'dependency')).slice(0, 4)).toEqual(['Wave 0', '  Deployment bad', '  21 ConfigMaps', '    ConfigMap c0'])
  })

  it('of one kind, all well, need no group in the group', () => {
    expect(drawn(regroup(Array.from({ length: 30 }, (_, i) => node(`Pod/p${i}`, { node: 'n' })), 'nodes'))).toHaveLength(31)
  })

  it.each(['traffic', 'dependency', 'nodes'])('of 3,000 objects are grouped, shaped and laid out in a few ms: %s', (lens) => {
    const nodes: Node[] = []
    for (let i = 0; nodes.length < 3000; i++) {
      const pods = Array.from({ length: 6 }, (_, p) => node(`Pod/w${i}-${p}`, { node: `n${(i + p) % 40}`, wave: i % 9, health: i === 3 && p === 5 ? 'Degraded' : 'Healthy' }))
      nodes.push(node(`Ingress/w${i}`, { targets: [`Service/w${i}`, 'Service/w0'], wave: i % 9 }), node(`Service/w${i}`, { targets: pods.map((p) => p.id) }), ...pods)
    }
    let got: readonly Node[] = []
    let boxes: unknown = []
    let best = Infinity
    // The best of several: other processes count here, and the first run is not compiled yet.
    for (let run = 0; run < 6; run++) {
      const began = performance.now()
      got = regroup(nodes, lens)
      const shown = shape(got, { toggled: new Map(got.map((n) => [n.id, true])), find: '', openAll: 60 })
      boxes = layout(shown, 1200).boxes
      best = Math.min(best, performance.now() - began)
    }
    expect(best).toBeLessThan(150)
    expect(boxes).toHaveLength(got.length)
    expect(objectsIn(got)).toBe(lens === 'nodes' ? 2250 : 3000)
  })

  it('who all send to the same are drawn once, not once for each', () => {
    const pods = Array.from({ length: 100 }, (_, i) => node(`Pod/p${i}`))
    const nodes = [...Array.from({ length: 100 }, (_, i) => node(`Ingress/i${i}`, { targets: ['Service/s'] })), node('Service/s', { targets: pods.map((p) => p.id) }), ...pods]
    expect(regroup(nodes, 'traffic')).toHaveLength(300)
  })
})
