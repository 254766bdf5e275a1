import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sessionState, signedIn } from '../api/session'
import { signOut } from './signOut'

describe('signing out', () => {
  let gone: string[] = []
  beforeEach(() => {
    gone = []
    signedIn({ name: 'ana', csrf: 'c' })
    vi.spyOn(location, 'assign').mockImplementation((to) => void gone.push(String(to)))
  })
  afterEach(() => void vi.unstubAllGlobals())
  const answer = (body: object) => vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(body))))

  it('goes to where the provider ends its own session', async () => {
    answer({ next: 'https://id.example.com/logout?id_token_hint=x' })
    await signOut()
    expect(gone).toEqual(['https://id.example.com/logout?id_token_hint=x'])
  })
  it('ends here where there is no such place', async () => {
    answer({})
    await signOut()
    expect([gone, sessionState().status]).toEqual([[], 'out'])
  })
  it('goes nowhere that runs a script', async () => {
    answer({ next: 'javascript:alert(1)' })
    await signOut()
    expect([gone, sessionState().status]).toEqual([[], 'out'])
  })
})
