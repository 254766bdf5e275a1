import { type RefObject, useLayoutEffect, useState } from 'react'

/** The height in px that reaches from an element's top to the bottom of the window; at least 360. */
export function useFill(ref: RefObject<HTMLElement | null>, below = 20): number {
  const [height, setHeight] = useState(560)
  useLayoutEffect(() => {
    const measure = () => {
      const el = ref.current
      if (el === null) return
      const top = el.getBoundingClientRect().top + window.scrollY
      setHeight(Math.max(360, Math.floor(window.innerHeight - top - below)))
    }
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(document.documentElement)
    const parent = ref.current?.parentElement
    if (parent) watch.observe(parent)
    return () => watch.disconnect()
  }, [ref, below])
  return height
}
