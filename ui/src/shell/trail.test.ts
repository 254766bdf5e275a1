import { beforeEach, describe, expect, it } from 'vitest'
import { leaveTrail, neighbours } from './trail'

const app = (name: string, namespace = 'shop') => ({ namespace, name })
beforeEach(() => leaveTrail([app('a'), app('b'), app('c')], { filter: 'state:failed' }))

describe('the neighbours of an App', () => {
  it('are those of the list that was shown last, in its order', () =>
    expect(neighbours(app('b'))).toEqual({ before: app('a'), after: app('c'), at: 2, of: 3, search: { filter: 'state:failed' } }))
  it('end at both ends', () => expect([neighbours(app('a'))?.before, neighbours(app('c'))?.after]).toEqual([undefined, undefined]))
  it('are nobody for an App of the same name elsewhere', () => expect(neighbours(app('b', 'other'))).toBeUndefined())
  it('are nobody for the only one', () => {
    leaveTrail([app('a')], undefined)
    expect(neighbours(app('a'))).toBeUndefined()
  })
})
