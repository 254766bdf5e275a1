import type { Area } from './layout'

/** Where a drawing is seen: its point (0,0) stands at (x,y) of the frame, scaled by `zoom`. */
export interface View {
  readonly x: number
  readonly y: number
  readonly zoom: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

export const zoomMin = 0.15
export const zoomMax = 2
/** Room around the drawing that can be seen, in px of the frame. */
export const margin = 24

/** Keeps the drawing in the frame: one that fits stays at its corner, a larger one covers it. */
export function clamp(v: View, drawing: Size, frame: Size): View {
  const zoom = Math.min(zoomMax, Math.max(zoomMin, v.zoom))
  const along = (at: number, length: number, room: number) => {
    const least = room - margin - length * zoom
    return least >= margin ? margin : Math.min(margin, Math.max(least, at))
  }
  return { zoom, x: along(v.x, drawing.width, frame.width), y: along(v.y, drawing.height, frame.height) }
}

/** Zooms by a factor so that the point under (x,y) of the frame stays there. */
export function zoomAt(v: View, factor: number, x: number, y: number): View {
  const zoom = Math.min(zoomMax, Math.max(zoomMin, v.zoom * factor))
  const f = zoom / v.zoom
  return { zoom, x: x - (x - v.x) * f, y: y - (y - v.y) * f }
}

/** Zoom and place at which all of the width is seen, from the top; never larger than life. */
export function fit(drawing: Size, frame: Size): View {
  const zoom = Math.min(1, Math.max(zoomMin, (frame.width - 2 * margin) / Math.max(1, drawing.width)))
  return { zoom, x: margin, y: margin }
}

/** Moves as little as needed to show an area. */
export function reveal(v: View, a: Area, frame: Size): View {
  const along = (at: number, from: number, to: number, room: number) => {
    if (at + from * v.zoom < margin) return margin - from * v.zoom
    if (at + to * v.zoom > room - margin) return Math.min(margin - from * v.zoom, room - margin - to * v.zoom)
    return at
  }
  return { zoom: v.zoom, x: Math.max(along(v.x, a.left, a.right, frame.width), margin - a.left * v.zoom - frame.width), y: along(v.y, a.top, a.bottom, frame.height) }
}

/** What of the drawing the frame shows, with room around it in px of the frame. */
export function seen(v: View, frame: Size, room = 0): Area {
  return {
    left: (-v.x - room) / v.zoom, top: (-v.y - room) / v.zoom,
    right: (frame.width - v.x + room) / v.zoom, bottom: (frame.height - v.y + room) / v.zoom,
  }
}

export function contains(outer: Area, inner: Area): boolean {
  return outer.left <= inner.left && outer.top <= inner.top && outer.right >= inner.right && outer.bottom >= inner.bottom
}

/** Whether the frame shows all of it at this zoom: then there is nothing to move. */
export function fits(drawing: Size, frame: Size, zoom: number): boolean {
  return drawing.width * zoom + 2 * margin <= frame.width && drawing.height * zoom + 2 * margin <= frame.height
}
