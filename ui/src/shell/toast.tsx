import { useEffect, useSyncExternalStore } from 'react'
import { Icon, IconButton, T } from '../components'
import css from './toast.module.css'

interface Toast {
  id: number
  tone: 'good' | 'bad' | 'info'
  text: string
  more?: string | undefined
}

let toasts: readonly Toast[] = []
let next = 1
const listeners = new Set<() => void>()
function set(t: readonly Toast[]) {
  toasts = t
  listeners.forEach((f) => f())
}

/** toast says what came of an action: one line, and one more where it helps. Failures stay until they are closed. */
export function toast(tone: Toast['tone'], text: string, more?: string) {
  set([...toasts.slice(-3), { id: next++, tone, text, more }])
}
const close = (id: number) => set(toasts.filter((t) => t.id !== id))

export function Toasts() {
  const shown = useSyncExternalStore(
    (f) => {
      listeners.add(f)
      return () => listeners.delete(f)
    },
    () => toasts,
  )
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {shown.map((t) => (
        <One key={t.id} toast={t} />
      ))}
    </div>
  )
}

function One({ toast: t }: { toast: Toast }) {
  useEffect(() => {
    if (t.tone === 'bad') return
    const timer = setTimeout(() => close(t.id), 6000)
    return () => clearTimeout(timer)
  }, [t])
  return (
    <div className={css.toast} data-tone={t.tone}>
      <Icon name={t.tone === 'good' ? 'check' : t.tone === 'bad' ? 'alert' : 'info'} />
      <div>
        <T>{t.text}</T>
        {t.more && (
          <div className="muted">
            <T>{t.more}</T>
          </div>
        )}
      </div>
      <IconButton small label="Close" onClick={() => close(t.id)}>
        <Icon name="x" size={14} />
      </IconButton>
    </div>
  )
}
