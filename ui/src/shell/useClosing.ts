import { useEffect, useRef } from 'react'

/** useClosing is the ref of a details that closes when somebody goes elsewhere, or presses Esc in it. */
export function useClosing() {
  const ref = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const away = (e: Event) => {
      if (ref.current?.open && !(e.target instanceof Node && ref.current.contains(e.target))) ref.current.open = false
    }
    const escape = (e: KeyboardEvent) => {
      if (e.key !== 'Escape' || !ref.current?.open || !(e.target instanceof Node && ref.current.contains(e.target))) return
      e.preventDefault()
      ref.current.open = false
      ref.current.querySelector('summary')?.focus()
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('focusin', away)
    document.addEventListener('keydown', escape)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('focusin', away)
      document.removeEventListener('keydown', escape)
    }
  }, [])
  return ref
}
