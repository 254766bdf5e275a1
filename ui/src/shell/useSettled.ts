import { useEffect, useState } from 'react'

/** useSettled is a value once it has not changed for so many milliseconds. */
export function useSettled<V>(value: V, ms: number): V {
  const [settled, set] = useState(value)
  useEffect(() => {
    if (value === settled) return
    const timer = setTimeout(() => set(value), ms)
    return () => clearTimeout(timer)
  }, [value, settled, ms])
  return settled
}
