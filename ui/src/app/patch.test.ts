import { describe, expect, it } from 'vitest'

import { covers, parsePath, rulePath } from './fieldpath'
import { driftOf, ignoreLines, type IgnoreWish, patchOf, wouldIgnore } from './patch'
import { toYAML } from './toyaml'
import type { FieldDiff, ObjectDiff } from './types'

const field = (path: string, left: unknown, right: unknown, more: Partial<FieldDiff> = {}): FieldDiff => ({ path, left, right, class: 'drift', ...more }) as FieldDiff
const diff = (fields: FieldDiff[], more: Partial<ObjectDiff> = {}): ObjectDiff => ({ object: 'Deployment.apps/shop/web', action: 'changed', counts: {}, fields, ...more })
const sides = { left: 'applied', right: 'live' }

describe('a path', () => {
  it.each([
    ['.spec.replicas', [{ field: 'spec' }, { field: 'replicas' }]],
    ['.metadata.annotations["a.b/c]d"]', [{ field: 'metadata' }, { field: 'annotations' }, { field: 'a.b/c]d' }]],
    ['.spec.containers[name=web].image', [{ field: 'spec' }, { field: 'containers' }, { keys: { name: 'web' } }, { field: 'image' }]],
    ['.spec.ports[port=53,protocol=UDP]', [{ field: 'spec' }, { field: 'ports' }, { keys: { port: '53', protocol: 'UDP' } }]],
    ['.rules[0].host', [{ field: 'rules' }, { index: 0 }, { field: 'host' }]],
    ['', undefined], ['spec', undefined], ['.a[', undefined], ['.a[x]', undefined],
  ])('%s is read step by step', (path, want) => {
    expect(parsePath(path)).toEqual(want)
  })

  it('with an element of several keys becomes any element in a rule, and says so', () => {
    expect(rulePath('.spec.ports[port=53,protocol=UDP].targetPort')).toEqual({ path: '.spec.ports[*].targetPort', widened: true })
    expect(rulePath('.metadata.labels["a.b/c"]')).toEqual({ path: '.metadata.labels["a.b/c"]', widened: false })
  })

  it.each([
    ['.spec.replicas', '.spec.replicas', true], ['.spec', '.spec.replicas', true], ['.spec.replicas', '.spec.replicasMax', false], ['.spec.ports[*].port', '.spec.ports[name=a].port', true],
    ['.spec.ports[*]', '.spec.ports.x', false], ['.spec.c[name=a]', '.spec.c[name=b].x', false],
  ])('%s covers %s: %s', (rule, path, want) => {
    expect(covers(rule, path)).toBe(want)
  })
})

describe('the patch', () => {
  it('says what runs, with the identity and the file', () => {
    const o = diff([field('.spec.replicas', 4, 6), field('.spec.template.spec.containers[name=web].image', 'web:1', 'web:2'), field('.spec.paused', false, undefined)])
    expect(patchOf(o, sides, 'apps/v1', 'web/prod/app.yaml:1').yaml).toBe(`# What runs now, for Git. It comes from web/prod/app.yaml:1
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 6
  template:
    spec:
      containers:
        - name: web
          image: web:2
  paused: null
`)
  })

  it('takes the live side, wherever it stands', () => {
    expect(patchOf(diff([field('.spec.replicas', 6, 4)]), { left: 'live', right: 'git' }, 'apps/v1', undefined).yaml).toContain('replicas: 6')
  })

  it('keeps ports as numbers, and takes an element out that live does not have', () => {
    const o = diff([field('.spec.ports[port=53,protocol=UDP].targetPort', 1, 2), field('.spec.ports[port=80]', { port: 80 }, undefined)], { object: 'Service/shop/dns' })
    expect(patchOf(o, sides, 'v1', undefined).yaml).toContain(`  ports:
    - port: 53
      protocol: UDP
      targetPort: 2
    - $patch: delete
      port: 80
`)
  })

  it('adds labels and annotations to the identity', () => {
    expect(patchOf(diff([field('.metadata.labels.team', 'a', 'b')]), sides, 'v1', undefined).yaml).toContain('metadata:\n  name: web\n  namespace: shop\n  labels:\n    team: b\n')
  })

  it('says what it cannot say', () => {
    const p = patchOf(diff([field('.spec.args[1]', 'a', 'b'), field('.data.big', 'x', 'y', { cut: true }), field('.spec.x', 1, 2)]), sides, 'v1', undefined)
    expect(p.left.map((l) => l.path)).toEqual(['.spec.args[1]', '.data.big'])
    expect(p.yaml).toContain('# not in it: .spec.args[1] (an element of a list without a key: change it by hand)\n')
    expect(p.yaml).not.toContain('args:')
  })

  it('has only what others changed', () => {
    expect(driftOf(diff([field('.spec.a', 1, 2), field('.spec.b', 1, 2, { class: 'ours' }), field('.spec.c', 1, 2, { class: 'other' })]), sides).map((f) => f.path)).toEqual(['.spec.a'])
  })

  it('is never made of a Secret, of what is new, or where nothing that runs is compared', () => {
    const f = [field('.data.password', 'x', 'y')]
    expect(driftOf(diff(f, { secret: true }), sides)).toEqual([])
    expect(driftOf(diff(f, { object: 'Secret/shop/db' }), sides)).toEqual([])
    expect(driftOf(diff(f, { action: 'added' }), sides)).toEqual([])
    expect(driftOf(diff(f), { left: 'git', right: 'applied' })).toEqual([])
    expect(driftOf(diff(f), { left: 'live', right: 'live' })).toEqual([])
  })

  it('does not let a file name end its comment, or text turn its direction', () => {
    const p = patchOf(diff([field('.data.k', 'a', 'x\u202ey')]), sides, 'v1', 'a\nevil: true.yaml:1')
    expect(p.yaml.split('\n')[0]).toBe('# What runs now, for Git. It comes from a�evil: true.yaml:1')
    expect(p.yaml).toContain('k: "x\\u202ey"')
  })
})

describe('YAML', () => {
  it.each([
    ['yes', '"yes"'], ['1e3', '"1e3"'], ['0x10', '"0x10"'], ['1.0', '"1.0"'], ['null', '"null"'], ['', '""'], ['a: b', '"a: b"'], ['# x', '"# x"'], ['- x', '"- x"'], ['a #b', '"a #b"'], ['2026-11-21', '"2026-11-21"'],
    ['nginx:1.25', 'nginx:1.25'], ['a:', '"a:"'], ['registry.example.com:5000/a/b@sha256:0f', 'registry.example.com:5000/a/b@sha256:0f'], ['.5', '".5"'], ['\u0007', '"\\u0007"'],
    ['a\nb\n', '|\n  a\n  b'], ['a\nb', '|-\n  a\n  b'], ['a\n\n', '"a\\n\\n"'], [' a\nb', '" a\\nb"'], ['a \nb', '"a \\nb"'], ['a\r\nb', '"a\\r\\nb"'],
  ])('writes the text %j so that it is read back as it was: %s', (text, want) => {
    expect(toYAML({ k: text })).toBe(`k: ${want}`)
  })

  it('writes maps and lists in each other', () => {
    expect(toYAML({ a: [{ b: 1, c: [true, null] }, [], 'x'], d: {} })).toBe('a:\n  - b: 1\n    c:\n      - true\n      - null\n  - []\n  - x\nd: {}')
  })
})

describe('a rule that ignores', () => {
  const wish = (more: Partial<IgnoreWish> = {}): IgnoreWish => ({ object: 'Deployment.apps/shop/web', path: '.spec.replicas', owner: 'kubectl-edit', every: false, by: 'field', ...more })

  it('names the object and the field', () => {
    expect(ignoreLines(wish(), 0)).toEqual({
      spec: 'spec:\n  ignore:\n    - group: apps\n      kind: Deployment\n      namespace: shop\n      name: web\n      paths:\n        - .spec.replicas\n',
      annotation: 'metadata:\n  annotations:\n    plumb.cd/ignore-fields: .spec.replicas\n', widened: false,
    })
  })

  it('can be of every object of the kind, or of all that a tool owns, and then no annotation says it', () => {
    expect(ignoreLines(wish({ every: true, by: 'manager' }), 2)).toMatchObject({
      spec: 'spec:\n  ignore:\n    # after the 2 rules that are there\n    - group: apps\n      kind: Deployment\n      managers:\n        - kubectl-edit\n', annotation: undefined,
    })
  })

  it('leaves the group of core kinds out', () => {
    expect(ignoreLines(wish({ object: 'ConfigMap/shop/c' }), 0).spec).not.toContain('group')
  })

  it('is shown with what it would leave to others now', () => {
    const objects = [
      diff([field('.spec.replicas', 1, 2, { owner: 'kubectl-edit' }), field('.spec.paused', 1, 2, { owner: 'kubectl-edit' }), field('.spec.strategy', 1, 2, { class: 'defaulted', owner: 'kubectl-edit' })]),
      diff([field('.spec.replicas', 1, 3, { owner: 'other' })], { object: 'Deployment.apps/shop/api' }), diff([field('.spec.replicas', 1, 3)], { object: 'StatefulSet.apps/shop/db' }),
    ]
    expect(wouldIgnore(wish(), objects)).toEqual([{ object: 'Deployment.apps/shop/web', paths: ['.spec.replicas'] }])
    expect(wouldIgnore(wish({ every: true }), objects).map((o) => o.object)).toEqual(['Deployment.apps/shop/web', 'Deployment.apps/shop/api'])
    expect(wouldIgnore(wish({ by: 'manager' }), objects)[0]!.paths).toEqual(['.spec.replicas', '.spec.paused'])
  })
})
