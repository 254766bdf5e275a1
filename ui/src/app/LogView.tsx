import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { T } from '../components'
import { bare, gravity, highlight, pieces } from './ansi'
import css from './logs.module.css'
import { type LogRing, occurrences } from './logring'

const lineHeight = 20

export interface LogViewProps {
  ring: LogRing
  /** Grows with every change of the ring. */
  version: number
  follow: boolean
  onFollow: (follow: boolean) => void
  query: string
  /** Only the lines that match. */
  only: boolean
  wrap: boolean
  stamps: boolean
  /** Whether lines say their Pod: when there are several. */
  pods: boolean
  /** A line to show, by its number; a new object asks anew. */
  target: { seq: number } | undefined
  height: number
}

/**
 * LogView draws the lines that are in sight. Places are by line, not by pixel: a wrapped line may be higher than one row,
 * the end is drawn from the bottom up. When old lines go, what is read stays where it is.
 */
export function LogView(p: LogViewProps) {
  const [top, setTop] = useState(0)
  const count = p.only && p.query ? p.ring.hitCount : p.ring.size
  const seqAt = (i: number) => (p.only && p.query ? (p.ring.hit(i) ?? -1) : p.ring.first + i)
  const box = useBox(p, count, setTop)
  useLayoutEffect(() => {
    if (p.target === undefined || box.current === null) return
    const i = p.only && p.query ? p.ring.hitAt(p.target.seq) : p.target.seq - p.ring.first
    box.current.scrollTop = Math.max(0, i * lineHeight - p.height / 2)
    // Only when a line is asked for.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [p.target])

  const rows = Math.ceil(p.height / lineHeight)
  const from = p.follow ? Math.max(0, count - rows - 4) : Math.max(0, Math.min(count - 1, Math.floor(top / lineHeight)) - 12)
  const to = p.follow ? count : Math.min(count, from + rows + 24)
  const lines = []
  for (let i = from; i < to; i++) {
    const seq = seqAt(i)
    lines.push(<Line key={seq} p={p} seq={seq} />)
  }
  return (
    // A region that scrolls can be reached by keyboard.
    <div ref={box} className={css.view} tabIndex={0} role="region" aria-label="Log" style={{ height: p.height }} data-wrap={p.wrap || undefined} data-testid="log">
      <div className={css.sheet} style={{ height: Math.max(count * lineHeight, 1) }}>
        <div className={css.lines} style={p.follow ? { bottom: 0 } : { top: from * lineHeight }}>{lines}</div>
      </div>
    </div>
  )
}

function Line({ p, seq }: { p: LogViewProps; seq: number }) {
  const line = p.ring.at(seq)
  if (line === undefined) return <div className={css.line} />
  const text = bare(line.text)
  const cut = highlight(pieces(line.text), occurrences(text, p.query))
  return (
    <div className={css.line} data-gravity={gravity(text) || undefined} data-target={p.target?.seq === seq || undefined}>
      {p.stamps && <time className={css.stamp} dateTime={line.at}>{line.at?.replace('T', ' ').replace(/(\.\d{1,3})?\d*Z$/, '$1')}</time>}
      {p.pods && <span className={css.pod} title={`${line.pod} ${line.container}`}>{line.pod.slice(-11)}</span>}
      <span className={css.text}>
        {cut.map((c, i) => (c.hit ? <mark key={i}><T>{c.text}</T></mark> : <span key={i} data-colour={c.colour || undefined} data-bold={c.bold || undefined}><T>{c.text}</T></span>))}
      </span>
    </div>
  )
}

/**
 * The box that scrolls. It follows the end while it is in sight: scrolling up stops it, scrolling to the end begins again.
 * Lines that are read stay in their place when older ones are let go.
 */
function useBox(p: LogViewProps, count: number, setTop: (t: number) => void): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null)
  const state = useRef({ follow: p.follow, onFollow: p.onFollow, expected: 0, first: p.ring.first })
  state.current.follow = p.follow
  state.current.onFollow = p.onFollow
  const { ring, follow, only } = p
  useLayoutEffect(() => {
    const gone = ring.first - state.current.first
    state.current.first = ring.first
    if (gone <= 0 || follow || only || box.current === null) return
    box.current.scrollTop -= gone * lineHeight
    // Drawn anew before it is seen: the event of the scrolling comes a frame later.
    setTop(box.current.scrollTop)
  })
  useLayoutEffect(() => {
    const el = box.current
    if (el === null || !follow) return
    el.scrollTop = el.scrollHeight
    state.current.expected = el.scrollTop
  }, [follow, count])
  useEffect(() => {
    const el = box.current
    if (el === null) return
    const scrolled = () => {
      const atEnd = el.scrollTop + el.clientHeight >= el.scrollHeight - 4
      const s = state.current
      if (s.follow && !atEnd && el.scrollTop < s.expected - 2) s.onFollow(false)
      else if (!s.follow && atEnd && el.scrollHeight > el.clientHeight && el.scrollTop > s.expected) s.onFollow(true)
      s.expected = el.scrollTop
      setTop(el.scrollTop)
    }
    el.addEventListener('scroll', scrolled, { passive: true })
    return () => el.removeEventListener('scroll', scrolled)
  }, [setTop])
  return box
}
