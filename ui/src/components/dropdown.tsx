import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import css from './dropdown.module.css'

export interface DropDownProps {
  /** What stands on the button. */
  face: ReactNode
  /** What the panel holds, for those who hear it. Where the face has no words it is the button's name too (`mute`). */
  label: string
  mute?: boolean
  /** panel: links, fields and buttons. menu: actions only, each with the role menuitem; Tab leaves it. */
  kind?: 'panel' | 'menu'
  /** The edge of the button that the panel keeps to, where the window has room. */
  side?: 'start' | 'end'
  look?: 'plain' | 'small' | 'bar' | 'round'
  /** Something is chosen in it. */
  on?: boolean
  title?: string
  /** px; a narrow window has it over its whole width, at the bottom. */
  width?: number
  className?: string | undefined
  /** What the panel shows. It is made when it opens. */
  children: (close: () => void) => ReactNode
}

/**
 * DropDown is a button with a panel below it, the same everywhere: a click, Enter, Space or the arrow down opens it and moves the focus into it;
 * arrows, Home and End move, Escape closes and gives the focus back to the button, and so it closes when somebody goes elsewhere.
 */
export function DropDown({ face, label, mute, kind = 'panel', side = 'start', look = 'plain', on, title, width, className, children }: DropDownProps) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const panel = useRef<HTMLDivElement>(null)
  const close = useCallback(() => {
    setOpen(false)
    button.current?.focus()
  }, [])
  useGoingElsewhere(open, root, setOpen)
  usePanelKeys(open, root, panel, kind, close)
  useLayoutEffect(() => {
    if (!open || !panel.current) return
    keepInside(panel.current)
    enter(panel.current)
  }, [open])
  return (
    <div ref={root} className={[css.root, className ?? ''].join(' ')}>
      <button
        ref={button} type="button" className={css.button} data-look={look} data-on={on || undefined} title={title}
        aria-haspopup={kind === 'menu' ? 'menu' : undefined} aria-expanded={open} aria-controls={open ? id : undefined} aria-label={mute ? label : undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(e) => {
          if (e.key !== 'ArrowDown' || open) return
          e.preventDefault()
          setOpen(true)
        }}
      >
        {face}
      </button>
      {open && (
        <div ref={panel} id={id} className={css.panel} data-kind={kind} data-side={side} role={kind === 'menu' ? 'menu' : 'group'} aria-label={label} tabIndex={-1} style={width ? { width } : undefined}>
          {children(close)}
        </div>
      )}
    </div>
  )
}

/** useGoingElsewhere closes when somebody presses or goes to something that is not in root. */
function useGoingElsewhere(open: boolean, root: React.RefObject<HTMLElement | null>, setOpen: (open: boolean) => void) {
  useEffect(() => {
    if (!open) return
    const away = (e: Event) => {
      if (e.target instanceof Node && root.current && !root.current.contains(e.target)) setOpen(false)
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('focusin', away)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('focusin', away)
    }
  }, [open, root, setOpen])
}

/** usePanelKeys listens ahead of the page's own keys, and hears those that nothing has the focus for. */
function usePanelKeys(open: boolean, root: React.RefObject<HTMLElement | null>, panel: React.RefObject<HTMLElement | null>, kind: 'panel' | 'menu', close: () => void) {
  useEffect(() => {
    if (!open) return
    const onKey = (e: KeyboardEvent) => {
      if (e.target !== document.body && !(e.target instanceof Node && root.current?.contains(e.target))) return
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return
      if (e.key === 'Tab' && kind === 'menu') return close()
      if (e.key === 'Escape') close()
      else if (!move(panel.current, e)) return
      e.preventDefault()
      e.stopPropagation()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [open, root, panel, kind, close])
}

const stops = 'a[href],button,input,[role=menuitem]'
const stopsIn = (panel: HTMLElement) => [...panel.querySelectorAll<HTMLElement>(stops)].filter((e) => !(e as HTMLInputElement).disabled)
const isText = (e: Element | null | undefined) => e instanceof HTMLInputElement && !/^(checkbox|radio)$/.test(e.type)

/** move carries an arrow, Home or End out, and says whether the key was one. A text keeps Home and End for itself. */
function move(panel: HTMLElement | null, e: KeyboardEvent): boolean {
  const to = { ArrowDown: 1, ArrowUp: -1, Home: 0, End: 0 }[e.key]
  if (to === undefined || !panel || (to === 0 && isText(document.activeElement))) return false
  const all = stopsIn(panel)
  const at = all.indexOf(document.activeElement as HTMLElement)
  const next = e.key === 'Home' ? 0 : e.key === 'End' || (at < 0 && to < 0) ? all.length - 1 : (at + to + all.length) % all.length
  all[next]?.focus()
  return true
}

/** enter gives the focus to the first thing in the panel; not to a text on a device without keys, which would put its own over the panel. */
function enter(panel: HTMLElement) {
  const first = stopsIn(panel)[0]
  const touch = isText(first) && window.matchMedia?.('(pointer: coarse)').matches
  ;(first && !touch ? first : panel).focus({ preventScroll: true })
}

/** keepInside moves a panel that hangs below its button so far that it does not leave the window. */
function keepInside(panel: HTMLElement) {
  if (getComputedStyle(panel).position !== 'absolute') return
  const { left, right } = panel.getBoundingClientRect()
  const over = right - (document.documentElement.clientWidth - 12)
  const by = over > 0 ? -Math.min(over, left - 12) : left < 12 ? 12 - left : 0
  if (by !== 0) panel.style.transform = `translateX(${Math.round(by)}px)`
}
