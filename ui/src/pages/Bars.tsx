import css from './Bars.module.css'

export interface BarsProps {
  label: string
  values: { name: string; value: number }[]
  format: (n: number) => string
  colour: string | undefined
}

const days = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' })
/** day is 2026-11-21 as people say it. */
const day = (name: string) => (Number.isNaN(Date.parse(name)) ? name : days.format(new Date(name)))

/** Bars is a small chart: a bar a day. Its numbers are in the page's table, and in each bar's title. */
export function Bars({ label, values, format, colour = 'deploying' }: BarsProps) {
  const most = Math.max(...values.map((v) => v.value), 0)
  const first = values[0]
  const last = values[values.length - 1]
  if (!first || !last || most === 0) return <div className={css.none}>none</div>
  const step = 100 / values.length
  return (
    <figure className={css.chart}>
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label={`${label}: at most ${format(most)}, last ${format(last.value)}`}>
        {values.map((v, i) => {
          const h = (v.value / most) * 38
          return (
            <g key={v.name}>
              <rect x={i * step} y={0} width={step} height={40} className={css.hit}>
                <title>{`${v.name}: ${format(v.value)}`}</title>
              </rect>
              <rect x={i * step + step * 0.14} y={40 - Math.max(h, v.value > 0 ? 1.5 : 0.5)} width={step * 0.72} height={Math.max(h, v.value > 0 ? 1.5 : 0.5)} style={{ fill: v.value > 0 ? `var(--fill-${colour})` : 'var(--line-strong)' }} pointerEvents="none" />
            </g>
          )
        })}
      </svg>
      <figcaption>
        <span>{day(first.name)}</span>
        <span>at most {format(most)}</span>
        <span>{day(last.name)}</span>
      </figcaption>
    </figure>
  )
}
