import { describe, expect, it } from 'vitest'

import { blocking, choose, driftWords, goodOnes, kindOf, kinds, kindsOf, ordered, type Row, rows, switched, trigger } from './timeline'
import type { Change, Deployment } from './types'

const at = (h: number) => new Date(Date.UTC(2026, 10, 21) - h * 3600_000).toISOString()
const d = (id: string, hours: number, more: Partial<Deployment> = {}): Deployment => ({
  id, app: 'team/shop', started: at(hours), ended: at(hours), outcome: 'Succeeded', mode: 'Sync', trigger: 'commit', bundle: `b-${id}`, ...more,
})

const c = (kind: string, hours: number, more: Partial<Change> = {}): Change => ({ seq: 1000 - hours, at: at(hours), kind, app: 'team/shop', object: 'Deployment.apps/shop/web', ...more })
const all = new Set(kinds.map((k) => k.id))
const whole = <T>(items: T[]) => ({ items, more: false })
const part = <T>(items: T[]) => ({ items, more: true })
const said = (r: Row): string | number => ('quiet' in r ? r.quiet / 3600 : 'deployment' in r ? r.deployment.id : 'drift' in r ? `drift×${r.drift.length}` : `${r.pause.outcome}${r.lasted === undefined ? '' : ` ${r.lasted / 3600} h`}`)

describe('the timeline', () => {
  it('says how long it was quiet, when it was long', () => {
    expect(rows(whole([d('c', 1), d('b', 3), d('a', 51)]), whole([]), all).map(said)).toEqual(['c', 'b', 48, 'a'])
  })

  it('takes a running deployment, whose end is not known, by its start', () => {
    expect(rows(whole([d('b', 0), d('a', 1, { ended: '0001-01-01T00:00:00Z' })]), whole([]), all)).toHaveLength(2)
  })

  it('has drift and pauses between the deployments, by their time; drift in a row is one', () => {
    const changes = [c('healed', 2), c('drift', 2.5), c('request', 3, { outcome: 'resume' }), c('request', 5, { outcome: 'hold' }), c('fight', 7)]
    expect(rows(whole([d('b', 1), d('a', 6)]), whole(changes), all).map(said)).toEqual(['b', 'drift×2', 'resume', 'hold 2 h', 'a', 'drift×1'])
  })

  it('does not say how long a pause lasted that still lasts', () => {
    expect(rows(whole([]), whole([c('request', 1, { outcome: 'suspend' }), c('request', 3, { outcome: 'resume' }), c('request', 4, { outcome: 'suspend' })]), all).map(said)).toEqual(['suspend', 'resume', 'suspend 1 h'])
  })

  it('leaves out what other rows tell of, and what is switched off', () => {
    const changes = [c('request', 2, { outcome: 'sync' }), c('request', 3, { outcome: 'hold' }), c('drift', 4)]
    expect(changes.map(kindOf)).toEqual([undefined, 'pauses', 'drift'])
    expect(rows(whole([d('a', 1)]), whole(changes), new Set(['drift'] as const)).map(said)).toEqual(['drift×1'])
    expect(rows(whole([d('a', 1)]), whole(changes), new Set(['deployments', 'pauses'] as const)).map(said)).toEqual(['a', 'hold'])
  })

  it('ends where one of its lists is not loaded further, and says which to read on', () => {
    const deployments = part([d('b', 1), d('a', 4)])
    const changes = whole([c('drift', 2), c('drift', 8)])
    expect(rows(deployments, changes, all).map(said)).toEqual(['b', 'drift×1', 'a'])
    expect(blocking(deployments, changes, all)).toBe('deployments')
    expect(blocking(deployments, part([c('drift', 2)]), all)).toBe('changes')
    expect(blocking(deployments, changes, new Set(['drift'] as const))).toBeUndefined()
    expect(rows(deployments, changes, new Set(['drift'] as const)).map(said)).toEqual(['drift×2'])
  })

  it.each([
    [[c('drift', 1)], '1 object changed'], [[c('healed', 1), c('healed', 2)], '1 object changed and undone'], [[c('healed', 1), c('drift', 2, { object: 'x' })], '2 objects changed, 1 undone'],
  ])('says drift in a row in words', (list, want) => {
    expect(driftWords(list)).toBe(want)
  })

  it('reads from the address which kinds are shown, all when it names none', () => {
    expect([...kindsOf(undefined)]).toEqual(['deployments', 'drift', 'pauses'])
    expect([...kindsOf('drift,moon')]).toEqual(['drift'])
    expect(switched(kindsOf(undefined), 'drift')).toBe('deployments,pauses')
    expect(switched(kindsOf('deployments,pauses'), 'drift')).toBeUndefined()
    expect(switched(kindsOf('drift'), 'drift')).toBe('drift')
  })

  it('offers each healthy bundle once, and not the one that runs', () => {
    const list = [d('e', 1, { bundle: 'now' }), d('d', 2, { outcome: 'Failed' }), d('c', 3, { bundle: 'x' }), d('b', 4, { bundle: 'x' }), d('a', 5, { bundle: 'y' })]
    expect(goodOnes(list, 'now').map((x) => x.id)).toEqual(['c', 'a'])
  })
})

describe('choosing two', () => {
  it('lets the older choice give way, and takes a choice back', () => {
    expect(choose(['a', 'b'], 'c')).toEqual(['b', 'c'])
    expect(choose(['a', 'b'], 'a')).toEqual(['b'])
  })

  it('compares from the older to the newer, whatever was chosen first', () => {
    const list = [d('new', 1), d('old', 2)]
    expect(ordered(list, ['new', 'old'])).toEqual(['old', 'new'])
    expect(ordered(list, ['old', 'new'])).toEqual(['old', 'new'])
    expect(ordered(list, ['old'])).toBeUndefined()
  })
})

it.each([
  [{}, 'a commit'], [{ actor: 'ana' }, 'commit, approved by ana'], [{ trigger: 'request', actor: 'ana' }, 'asked for by ana'], [{ trigger: 'drift' }, 'drift, undone'], [{ trigger: 'moon' }, 'moon'],
])('says %j as %j', (more, want) => {
  expect(trigger(d('a', 1, more))).toBe(want)
})
