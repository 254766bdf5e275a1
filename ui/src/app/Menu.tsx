import type { ReactNode } from 'react'
import { DropDown, Icon } from '../components'
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

/** Menu is a drop-down of actions; one that cannot be used stays, and says why. */
export function Menu({ label, items, children }: { label: string; items: readonly MenuItem[]; children?: ReactNode }) {
  if (items.length === 0) return null
  return (
    <DropDown face={children ?? <Icon name="more" />} label={label} mute title={label} kind="menu" side="end">
      {(close) =>
        items.map((it) => (
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
        ))
      }
    </DropDown>
  )
}
