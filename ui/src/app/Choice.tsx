import css from './parts.module.css'

/** Choice is one of a few words: a group of buttons, one of them pressed. */
export function Choice({ label, value, options, onChange }: { label: string; value: string; options: readonly (readonly [value: string, text: string, title?: string])[]; onChange: (v: string) => void }) {
  return (
    <div className={css.choice} role="group" aria-label={label}>
      {options.map(([v, text, title]) => <button key={v} type="button" title={title} aria-pressed={v === value} onClick={() => onChange(v)}>{text}</button>)}
    </div>
  )
}
