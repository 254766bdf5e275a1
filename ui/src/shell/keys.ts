import { useEffect, useRef, useSyncExternalStore } from 'react'
import { appearance } from './appearance'

/** Binding is what a key does, and the words for the help sheet; without words it is not listed there. */
export interface Binding {
  run: (e: KeyboardEvent) => void
  label?: string
}
export type Bindings = Record<string, Binding | ((e: KeyboardEvent) => void)>

interface Layer {
  section: string
  bindings: { current: Bindings }
  modal: boolean
}

const layers: Layer[] = []
let version = 0
const listeners = new Set<() => void>()
function changed() {
  version++
  listeners.forEach((f) => f())
}

/**
 * useKeys binds keys while the component is there; the newest layer wins. A key is what it prints ('j', '?', '/'), a name
 * ('Enter', 'Escape', 'ArrowDown'), with 'Shift+', 'Ctrl+' (Cmd on a Mac) before it, or a chord ('g a'). Keys are left
 * alone while somebody types, except Escape and those with Ctrl. While a modal dialog is open, only layers with `modal` count.
 */
export function useKeys(bindings: Bindings, section: string, options: { modal?: boolean } = {}) {
  const latest = useRef(bindings)
  latest.current = bindings
  const names = Object.keys(bindings).join(' | ')
  const modal = options.modal ?? false
  useEffect(() => {
    const layer: Layer = { section, bindings: latest, modal }
    layers.push(layer)
    changed()
    return () => {
      layers.splice(layers.indexOf(layer), 1)
      changed()
    }
  }, [section, modal, names])
}

/** nameOf is a key event in the words of useKeys. */
export function nameOf(e: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const ctrl = e.ctrlKey || e.metaKey ? 'Ctrl+' : ''
  if (e.altKey) return ''
  if (e.key.length === 1) {
    const letter = /[a-z]/i.test(e.key)
    return ctrl + (letter && e.shiftKey ? 'Shift+' + e.key.toUpperCase() : letter ? e.key.toLowerCase() : e.key)
  }
  return ctrl + (e.shiftKey ? 'Shift+' : '') + e.key
}

const types = (t: EventTarget | null) => t instanceof HTMLElement && (t.isContentEditable || t instanceof HTMLTextAreaElement || t instanceof HTMLSelectElement || (t instanceof HTMLInputElement && !/^(checkbox|radio|button|submit|range)$/.test(t.type)))
/** These do what they do on the control that has the focus. */
const own = (t: EventTarget | null, name: string) => t instanceof HTMLElement && (name === 'Enter' || name === ' ') && t.closest('a,button,summary,[role=button],[role=option],[role=treeitem],input') !== null

let prefix = ''
let prefixAt = 0

function find(name: string): Binding['run'] | undefined {
  const modal = document.querySelector('dialog:modal') !== null
  for (let i = layers.length - 1; i >= 0; i--) {
    const l = layers[i]!
    if (modal && !l.modal && name !== 'Ctrl+k') continue
    const b = l.bindings.current[name]
    if (b) return typeof b === 'function' ? b : b.run
  }
  return undefined
}

function isPrefix(name: string): boolean {
  return layers.some((l) => Object.keys(l.bindings.current).some((k) => k.startsWith(name + ' ')))
}

function onKey(e: KeyboardEvent) {
  if (e.defaultPrevented || e.isComposing) return
  const name = nameOf(e)
  if (!name || e.key === 'Shift' || e.key === 'Control' || e.key === 'Meta') return
  const strong = name.startsWith('Ctrl+') || name === 'Escape'
  if (!strong && (types(e.target) || own(e.target, name) || !appearance().keys)) return
  const full = prefix && e.timeStamp - prefixAt < 1500 ? `${prefix} ${name}` : name
  prefix = ''
  const run = find(full) ?? (full === name ? undefined : find(name))
  if (run) {
    e.preventDefault()
    run(e)
  } else if (isPrefix(name)) {
    prefix = name
    prefixAt = e.timeStamp
  }
}
if (typeof window !== 'undefined') window.addEventListener('keydown', onKey)

/** useKeyMap is every bound key with words, by section, for the help sheet. */
export function useKeyMap(): Map<string, [string, string][]> {
  useSyncExternalStore(
    (f) => {
      listeners.add(f)
      return () => listeners.delete(f)
    },
    () => version,
  )
  const out = new Map<string, [string, string][]>()
  for (const l of layers) {
    for (const [key, b] of Object.entries(l.bindings.current)) {
      if (typeof b === 'function' || !b.label) continue
      out.set(l.section, [...(out.get(l.section) ?? []), [key, b.label]])
    }
  }
  return out
}
