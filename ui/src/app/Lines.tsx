import { type ReactNode, useEffect, useRef, useState } from 'react'
import { plain } from '../components'
import type { Hunk } from './linediff'
import css from './lines.module.css'
import { tokens } from './yaml'

const lineHeight = 20

/** Rows of one height, drawn where they are in sight: 20,000 lines open as fast as 20. */
export function Rows({ count, render, label, height, className }: { count: number; render: (i: number) => ReactNode; label: string; height?: number | undefined; className?: string }) {
  const box = useRef<HTMLDivElement>(null)
  const [range, setRange] = useState({ from: 0, to: 60 })
  useEffect(() => {
    const el = box.current
    if (el === null) return
    const look = () => {
      const from = Math.max(0, Math.floor(el.scrollTop / lineHeight) - 20)
      const to = Math.ceil((el.scrollTop + el.clientHeight) / lineHeight) + 20
      setRange((r) => (r.from <= Math.max(0, from + 15) && r.to >= to - 15 && r.to - r.from < 400 ? r : { from, to }))
    }
    look()
    el.addEventListener('scroll', look, { passive: true })
    const watch = new ResizeObserver(look)
    watch.observe(el)
    return () => {
      el.removeEventListener('scroll', look)
      watch.disconnect()
    }
  }, [count])
  const rows: ReactNode[] = []
  for (let i = range.from; i < Math.min(count, range.to); i++) rows.push(<div key={i} className={css.row} style={{ top: i * lineHeight }}>{render(i)}</div>)
  return (
    // A region that scrolls can be reached by keyboard.
    <div ref={box} className={`${css.rows} ${className ?? ''}`} tabIndex={0} role="region" aria-label={label} style={{ height: height ?? Math.min(560, count * lineHeight + 18) }}>
      <div className={css.sheet} style={{ height: count * lineHeight }}>{rows}</div>
    </div>
  )
}

/** A line of YAML, coloured. */
export function YamlLine({ text }: { text: string }) {
  return <>{tokens(plain(text)).map((t, i) => (t.kind === 'text' ? t.text : <span key={i} data-token={t.kind}>{t.text}</span>))}</>
}

/** YamlBox shows YAML with line numbers. */
export function YamlBox({ lines, label, height }: { lines: readonly string[]; label: string; height?: number }) {
  return <Rows count={lines.length} label={label} height={height} render={(i) => <><i className={css.number}>{i + 1}</i><YamlLine text={lines[i]!} /></>} />
}

/** HunkBox shows a comparison as one column, with what is equal left out. */
export function HunkBox({ rows, label, height, onGap }: { rows: readonly Hunk[]; label: string; height?: number; onGap: (at: number) => void }) {
  return (
    <Rows
      count={rows.length} label={label} height={height}
      render={(i) => {
        const r = rows[i]!
        if ('gap' in r) return <button type="button" className={css.gap} onClick={() => onGap(i)}>{r.gap} equal lines</button>
        return (
          <div className={css.diff} data-sign={r.sign}>
            <i className={css.number}>{r.left || ''}</i><i className={css.number}>{r.right || ''}</i>
            <b className={css.sign}>{r.sign === '-' ? '−' : r.sign}</b><YamlLine text={r.text} />
          </div>
        )
      }}
    />
  )
}
