import { useSyncExternalStore } from 'react'

/** useNarrow says whether the window is narrower than so many px. */
export function useNarrow(width: number): boolean {
  const query = `(max-width: ${width - 0.02}px)`
  return useSyncExternalStore(
    (f) => {
      const m = matchMedia(query)
      m.addEventListener('change', f)
      return () => m.removeEventListener('change', f)
    },
    () => matchMedia(query).matches,
  )
}
