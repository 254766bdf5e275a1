import { useSyncExternalStore } from 'react'

const MINUTE = 60
const HOUR = 3600
const DAY = 86400

/** span is a length of time in one or two units: 42s, 14m, 3h, 2d, 5w. Seconds; negative counts as 0. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  if (s < MINUTE) return `${s}s`
  if (s < HOUR) return `${Math.floor(s / MINUTE)}m`
  if (s < DAY) {
    const h = Math.floor(s / HOUR)
    const m = Math.floor((s % HOUR) / MINUTE)
    return h < 4 && m > 0 ? `${h}h ${m}m` : `${h}h`
  }
  const d = Math.floor(s / DAY)
  return d < 70 ? `${d}d` : d < 730 ? `${Math.floor(d / 7)}w` : `${Math.floor(d / 365)}y`
}

/** duration is how long something took: 0.4 s, 12 s, 3 m 20 s, 41 m, 2 h 5 m. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '–'
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`
  if (seconds < HOUR) return two(Math.floor(seconds / MINUTE), 'm', Math.floor(seconds % MINUTE), 's')
  if (seconds < DAY) return two(Math.floor(seconds / HOUR), 'h', Math.floor((seconds % HOUR) / MINUTE), 'm')
  return `${Math.round((seconds / DAY) * 10) / 10} d`
}

const two = (a: number, unit: string, b: number, smaller: string) => (b > 0 && a < 10 ? `${a} ${unit} ${b} ${smaller}` : `${a} ${unit}`)

/** known says whether a time is one: Go's zero time is none. */
export function known(at: string | undefined): at is string {
  return !!at && !at.startsWith('0001-') && !Number.isNaN(Date.parse(at))
}

/** ago is how long before now a time was; '' where there is none. */
export function ago(at: string | undefined, now: number): string {
  return known(at) ? span((now - Date.parse(at)) / 1000) : ''
}

// One clock for all: it ticks every 10 seconds while anybody looks (times are in minutes mostly), and only in a visible tab.
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()
function tick() {
  if (document.hidden) return
  now = Date.now()
  listeners.forEach((f) => f())
}
function subscribe(f: () => void) {
  listeners.add(f)
  if (!timer) {
    now = Date.now()
    timer = setInterval(tick, 10_000)
    document.addEventListener('visibilitychange', tick)
  }
  return () => {
    listeners.delete(f)
    if (listeners.size === 0 && timer) {
      clearInterval(timer)
      timer = undefined
      document.removeEventListener('visibilitychange', tick)
    }
  }
}
/** useNow is the shared clock: milliseconds, anew every 10 seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
/** exact is a time in full, in the reader's place. */
export function exact(at: string | undefined): string {
  return known(at) ? absolute.format(new Date(at)) : ''
}

/** Ago is a time as its distance from now; the time itself is its title and its machine-readable value. */
export function Ago({ at, suffix = '' }: { at: string | undefined; suffix?: string }) {
  const now = useNow()
  if (!known(at)) return null
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at, Math.max(now, Date.now()))}
      {suffix}
    </time>
  )
}
