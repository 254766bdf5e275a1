import { describe, expect, it } from 'vitest'
import type { AppRow } from '../../api/types'
import { COLUMNS, USUAL, fit, readColumns, version, what, writeColumns } from './columns'

const ids = (address: string | undefined) => readColumns(address).map((c) => c.id)

describe('the columns of an address', () => {
  it('are the usual ones where it says nothing', () => expect(ids(undefined)).toEqual(USUAL))
  it('stand in its order', () => expect(ids('deployed,name,drift')).toEqual(['deployed', 'name', 'drift']))
  it('always have the App, behind its state', () => expect([ids('state,cluster'), ids('cluster')]).toEqual([['state', 'name', 'cluster'], ['name', 'cluster']]))
  it('can be labels', () => expect(readColumns('name,label:team').map((c) => c.title)).toEqual(['App', 'team']))
  it('stand there once', () => expect(ids('name,name,drift,drift')).toEqual(['name', 'drift']))
  it('leave out what there is not', () => expect(ids('name,colour,label:')).toEqual(['name']))
  it('are the usual ones where nothing can be read', () => expect(ids('x,y')).toEqual(USUAL))
  it('are not without end', () => expect(ids(Array.from({ length: 99 }, (_, i) => `label:l${i}`).join(',')).length).toBe(16))
  it('are written back as they were read', () => expect(writeColumns(ids('name,drift'))).toBe('name,drift'))
  it('need not be written when they are the usual ones', () => expect([writeColumns(USUAL), writeColumns([])]).toEqual([undefined, undefined]))
  it('each have an id of their own', () => expect(new Set(COLUMNS.map((c) => c.id)).size).toBe(COLUMNS.length))
})

describe('columns in a window', () => {
  const fitting = (width: number, address?: string) => fit(readColumns(address), width).map((c) => c.id)
  it('are all there in a wide one', () => expect(fitting(1200)).toEqual(USUAL))
  it('go from the least important on', () => expect(fitting(900)).toEqual(['state', 'name', 'what', 'version', 'cluster', 'deployed']))
  it('keep the state and the App to the end', () => expect(fitting(100)).toEqual(['state', 'name']))
})

describe('the facts of a row', () => {
  const row = (more: Partial<AppRow>) => ({ namespace: 'n', name: 'a', cluster: 'c', state: 'Synced', since: '', sync: 'Synced', health: 'Healthy', objects: 1, ...more }) as AppRow
  it('say why it failed, not what Git says', () => expect(what(row({ state: 'Failed', message: 'no image', commit: { sha: 'abc', subject: 'bump' } }))).toBe('No image'))
  it('say what Git says while it is well', () => expect(what(row({ commit: { sha: 'abc', subject: 'bump' } }))).toBe('bump'))
  const versions: [string[] | undefined, string][] = [[['web:2.1'], '2.1'], [['r.example.com:5000/web'], 'r.example.com:5000/web'], [['web@sha256:0123456789'], '0123456'], [undefined, 'abcdef0']]
  for (const [images, want] of versions) it(`call ${images?.[0] ?? 'a commit'} ${want}`, () => expect(version(row({ images, commit: { sha: 'abcdef0123' } }))).toBe(want))
})
