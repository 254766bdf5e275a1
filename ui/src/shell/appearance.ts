import { useSyncExternalStore } from 'react'

/** Appearance is how the console looks and is used on this device. public/theme.js reads it before the first paint. */
export interface Appearance {
  theme: 'system' | 'light' | 'dark'
  contrast: 'normal' | 'more'
  density: 'normal' | 'compact'
  /** The wall draws shapes into its cells, so that states differ without colour. */
  pattern: boolean
  /** Single keys (j, k, /, g a ...) do something. Chords with Ctrl always do. */
  keys: boolean
}

const KEY = 'plumb.appearance'
const standard: Appearance = { theme: 'system', contrast: 'normal', density: 'normal', pattern: false, keys: true }
let current = read()
const listeners = new Set<() => void>()

function read(): Appearance {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return { ...standard, ...(kept as Partial<Appearance>) }
  } catch {
    return standard
  }
}

/** setAppearance keeps and shows a change. */
export function setAppearance(change: Partial<Appearance>) {
  current = { ...current, ...change }
  try {
    localStorage.setItem(KEY, JSON.stringify(current))
  } catch {
    // a browser that keeps nothing: it lasts until the page is closed
  }
  const root = document.documentElement.dataset
  if (current.theme === 'system') delete root.theme
  else root.theme = current.theme
  if (current.contrast === 'more') root.contrast = 'more'
  else delete root.contrast
  if (current.density === 'compact') root.density = 'compact'
  else delete root.density
  listeners.forEach((f) => f())
}

export const appearance = () => current

export function useAppearance(): Appearance {
  return useSyncExternalStore((f) => {
    listeners.add(f)
    return () => listeners.delete(f)
  }, appearance)
}

/** isDark says what is shown now. */
export function isDark(a: Appearance): boolean {
  return a.theme === 'dark' || (a.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
}

/** flipTheme goes to the other one of light and dark. */
export function flipTheme() {
  setAppearance({ theme: isDark(current) ? 'light' : 'dark' })
}

/** useRowHeight is the height of a table's row in px. */
export function useRowHeight(): number {
  return useAppearance().density === 'compact' ? 28 : 36
}
