import { useEffect, useState, type ComponentProps, type ReactNode } from 'react'
import { Icon } from './icons'
import css from './basics.module.css'

export interface ButtonProps extends Omit<ComponentProps<'button'>, 'disabled'> {
  kind?: 'plain' | 'primary' | 'danger' | 'quiet'
  small?: boolean
  /** Why it cannot be used now: it stays visible and focusable, and says so. */
  denied?: string | undefined
  busy?: boolean
}

/** Button. One that cannot be used now stays, and explains itself (`denied`), instead of vanishing. */
export function Button({ kind = 'plain', small, denied, busy, children, onClick, className, title, ...rest }: ButtonProps) {
  const off = denied !== undefined && denied !== ''
  return (
    <button
      type="button"
      {...rest}
      className={[css.button, css[kind], small ? css.small : '', className ?? ''].join(' ')}
      aria-disabled={off || busy || undefined}
      aria-busy={busy || undefined}
      title={off ? denied : title}
      onClick={off || busy ? (e) => e.preventDefault() : onClick}
    >
      {children}
      {off && <span className="sr"> – {denied}</span>}
    </button>
  )
}

/** IconButton is a square button; its label is read and shown as its title. */
export function IconButton({ label, children, ...rest }: ButtonProps & { label: string }) {
  return (
    <Button kind="quiet" {...rest} className={`${css.icon} ${rest.className ?? ''}`} aria-label={label} title={label}>
      {children}
    </Button>
  )
}

/** Chip is a small labelled thing; with onRemove it has a × button. */
export function Chip({ children, onRemove, removeLabel, tone }: { children: ReactNode; onRemove?: () => void; removeLabel?: string; tone?: 'warn' | 'accent' }) {
  return (
    <span className={css.chip} data-tone={tone}>
      {children}
      {onRemove && (
        <button type="button" className={css.chipx} onClick={onRemove} aria-label={removeLabel ?? 'Remove'}>
          <Icon name="x" size={12} />
        </button>
      )}
    </span>
  )
}

/** Kbd shows a key or a chord: <Kbd>g o</Kbd>. */
export function Kbd({ children }: { children: string }) {
  return (
    <span className={css.keys}>
      {children.split(' ').map((k, i) => (
        <kbd key={i}>{k}</kbd>
      ))}
    </span>
  )
}

/** CopyButton copies text and says so for two seconds. */
export function CopyButton({ text, label = 'Copy', children }: { text: string; label?: string; children?: ReactNode }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const t = setTimeout(() => setDone(false), 2000)
    return () => clearTimeout(t)
  }, [done])
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setDone(true), () => setDone(false))
  return (
    <Button small kind="quiet" onClick={copy} aria-label={children ? undefined : label} title={label} className={children ? '' : css.icon}>
      <Icon name={done ? 'check' : 'copy'} size={14} />
      {children && (done ? 'Copied' : children)}
      <span className="sr" role="status">
        {done ? 'Copied' : ''}
      </span>
    </Button>
  )
}

/** Skeleton stands for content that is coming; it shows itself only after 150 ms. Rows of the given height in px. */
export function Skeleton({ rows = 3, height = 20, label = 'Loading' }: { rows?: number; height?: number; label?: string }) {
  return (
    <div className={css.skeleton} role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} style={{ height, width: `${92 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  )
}

/** EmptyState says what is not here, why that may be, and what to do. */
export function EmptyState({ title, children, icon = 'drop', tone }: { title: string; children?: ReactNode; icon?: string; tone?: 'good' }) {
  return (
    <div className={css.empty} data-tone={tone}>
      <span className={css.emptyIcon}>
        <Icon name={icon} size={22} />
      </span>
      <h2>{title}</h2>
      {children && <div className={css.emptyText}>{children}</div>}
    </div>
  )
}

/** Command is a block of commands or YAML to copy. */
export function Command({ text, label = 'Copy the commands' }: { text: string; label?: string }) {
  return (
    <div className={css.command}>
      {/* What scrolls can be reached by keyboard. */}
      <pre tabIndex={0} role="region" aria-label={label.replace(/^Copy the /, '')}>
        {text}
      </pre>
      <CopyButton text={text} label={label} />
    </div>
  )
}

/** Num is a number with thousands separated. */
export function Num({ n }: { n: number }) {
  return <>{n.toLocaleString('en-US')}</>
}
