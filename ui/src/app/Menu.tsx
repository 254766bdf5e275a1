import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { Button, Icon } from '../components'
import css from './menu.module.css'

export interface MenuItem {
  readonly label: string
  readonly icon?: string
  readonly hint?: string
  readonly danger?: boolean
  /** Why it cannot be used. */
  readonly denied?: string
  readonly run: () => void
}

/** Menu is a button with a list of actions: arrows move, Enter runs, Esc closes and gives the focus back. */
export function Menu({ label, items, children }: { label: string; items: readonly MenuItem[]; children?: ReactNode }) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const root = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!open) return
    list.current?.querySelector<HTMLElement>('[role="menuitem"]')?.focus()
    const away = (e: Event) => {
      if (e.target instanceof globalThis.Node && !root.current?.contains(e.target)) setOpen(false)
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('focusin', away)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('focusin', away)
    }
  }, [open])
  const close = () => {
    setOpen(false)
    root.current?.querySelector<HTMLElement>('button')?.focus()
  }
  const onKey = (e: React.KeyboardEvent) => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])]
    const at = all.indexOf(document.activeElement as HTMLElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key]
    if (to !== undefined) all[(to + all.length) % all.length]?.focus()
    else if (e.key === 'Escape' || e.key === 'Tab') close()
    else return
    if (e.key !== 'Tab') e.preventDefault()
    e.stopPropagation()
  }
  if (items.length === 0) return null
  return (
    <div ref={root} className={css.menu}>
      <Button aria-haspopup="menu" aria-expanded={open} aria-controls={open ? id : undefined} aria-label={label} title={label} onClick={() => setOpen(!open)}>
        {children ?? <Icon name="more" />}
      </Button>
      {open && (
        <div ref={list} id={id} className={css.list} role="menu" aria-label={label} onKeyDown={onKey}>
          {items.map((it) => (
            <button
              key={it.label} type="button" role="menuitem" tabIndex={-1} className={css.item} data-danger={it.danger || undefined} aria-disabled={it.denied ? true : undefined}
              onClick={() => {
                if (it.denied) return
                close()
                it.run()
              }}
            >
              <Icon name={it.icon ?? 'right'} size={15} />
              <span>
                {it.label}
                {(it.denied || it.hint) && <small>{it.denied || it.hint}</small>}
              </span>
            </button>
          ))}
        </div>
      )}
    </div>
  )
}
