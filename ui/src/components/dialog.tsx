import { useEffect, useId, useRef, type ReactNode } from 'react'
import { IconButton } from './basics'
import { Icon } from './icons'
import css from './dialog.module.css'

export interface DialogProps {
  open: boolean
  onClose: () => void
  title: ReactNode
  children: ReactNode
  footer?: ReactNode
  /** drawer: a panel at the right edge, over the page; left: the same at the left. */
  side?: 'center' | 'drawer' | 'top' | 'left'
  width?: number
  /** No visible heading: the content has its own; the title is read all the same. */
  bare?: boolean
}

/** Dialog is the browser's own modal dialog: it traps the focus, Esc closes it, and the focus goes back to where it was. */
export function Dialog({ open, onClose, title, children, footer, side = 'center', width, bare }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const d = ref.current
    if (!d || !open) return
    const back = document.activeElement
    if (!d.open) d.showModal()
    return () => {
      d.close()
      if (back instanceof HTMLElement && back.isConnected) back.focus()
    }
  }, [open])
  if (!open) return null
  return (
    // The backdrop is part of the dialog: a click on it closes, and Esc is the same by keyboard.
    <dialog
      ref={ref}
      className={css.dialog}
      data-side={side}
      style={width ? { width: `min(${width}px, 100vw - 24px)` } : undefined}
      aria-labelledby={heading}
      onCancel={(e) => {
        e.preventDefault()
        onClose()
      }}
      onClick={(e) => {
        if (e.target === ref.current) onClose()
      }}
    >
      <div className={css.inner}>
        {bare ? (
          <h2 id={heading} className="sr">
            {title}
          </h2>
        ) : (
          <header className={css.head}>
            <h2 id={heading}>{title}</h2>
            <IconButton label="Close" onClick={onClose}>
              <Icon name="x" />
            </IconButton>
          </header>
        )}
        <div className={bare ? css.bare : css.body}>{children}</div>
        {footer && <footer className={css.foot}>{footer}</footer>}
      </div>
    </dialog>
  )
}
