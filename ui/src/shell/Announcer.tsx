import { useCallback, useEffect, useRef, useState } from 'react'
import { keyOf, useDelta } from '../live'
import type { AppsDelta } from '../api/types'

const BAD = new Set(['Failed', 'Degraded'])

/** Announcer tells screen readers what went wrong or right, summed up, at most every five seconds. */
export function Announcer() {
  const news = useRef(new Map<string, string>())
  const known = useRef(new Map<string, string>())
  const [words, setWords] = useState('')
  const take = useCallback((d: AppsDelta) => {
    for (const r of d.rows ?? []) {
      const key = keyOf(r)
      const before = known.current.get(key)
      known.current.set(key, r.state)
      if (before !== r.state && (BAD.has(r.state) || (before && BAD.has(before)))) news.current.set(key, r.state)
    }
  }, [])
  useDelta(take)
  useEffect(() => {
    const timer = setInterval(() => {
      if (news.current.size === 0) return
      setWords(summary(news.current))
      news.current.clear()
    }, 5000)
    return () => clearInterval(timer)
  }, [])
  return (
    <div className="sr" role="status" aria-live="polite">
      {words}
    </div>
  )
}

/** summary says how many Apps went to which state: "payments-api: Failed", "3 Apps Failed, 1 App Synced". */
export function summary(news: ReadonlyMap<string, string>): string {
  const counts = new Map<string, string[]>()
  for (const [app, state] of news) counts.set(state, [...(counts.get(state) ?? []), app])
  return [...counts].map(([state, apps]) => (apps.length === 1 ? `${apps[0]}: ${state}` : `${apps.length} Apps ${state}`)).join(', ')
}
