import type { ReactNode } from 'react'
import css from './text.module.css'

// Characters that show nothing but change how their neighbours are shown or read. They are drawn as marks, so that a
// commit message or a name cannot pretend to be another one.
const invisible: Record<string, string> = {
  '\u061c': 'ALM', '\u200b': 'ZWSP', '\u200e': 'LRM', '\u200f': 'RLM', '\u2028': 'LSEP', '\u2029': 'PSEP', '\u202a': 'LRE',
  '\u202b': 'RLE', '\u202c': 'PDF', '\u202d': 'LRO', '\u202e': 'RLO', '\u2060': 'WJ', '\u2066': 'LRI', '\u2067': 'RLI',
  '\u2068': 'FSI', '\u2069': 'PDI', '\ufeff': 'BOM',
}
 
const marks = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g

function markOf(c: string): string {
  return invisible[c] ?? 'U+' + c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
}

/** plain is text for attributes and titles: control characters become ⟨RLO⟩ and the like. */
export function plain(text: string | undefined | null): string {
  return text ? text.replace(marks, (c) => `⟨${markOf(c)}⟩`) : ''
}

/** T shows text that somebody else wrote: isolated in direction, its control characters as visible marks. */
export function T({ children }: { children: string | undefined | null }) {
  const text = children ?? ''
  if (text.search(marks) < 0) return <bdi>{text}</bdi>
  const out: ReactNode[] = []
  let at = 0
  for (const m of text.matchAll(marks)) {
    if (m.index > at) out.push(text.slice(at, m.index))
    out.push(
      <span className={css.mark} key={m.index} title="a character that is not shown, and that changes how text around it looks">
        {markOf(m[0])}
      </span>,
    )
    at = m.index + 1
  }
  out.push(text.slice(at))
  return <bdi>{out}</bdi>
}

/** safeHref gives back an absolute http or https address, or nothing. */
export function safeHref(url: string | undefined): string | undefined {
  if (!url) return undefined
  try {
    const u = new URL(url)
    return u.protocol === 'https:' || u.protocol === 'http:' ? u.toString() : undefined
  } catch {
    return undefined
  }
}

/** Ext is a link out of the console. What is no http(s) address is shown as text. */
export function Ext({ href, children, className }: { href: string | undefined; children: ReactNode; className?: string }) {
  const safe = safeHref(href)
  if (!safe) return <span className={className}>{children}</span>
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow" className={className}>
      {children}
      <span className="sr"> (opens another site)</span>
    </a>
  )
}

/** capital is a server's message as the sentence that it is; one that begins with a name (a file, an object) stays as it is. */
export function capital(message: string): string {
  return /^[a-z]+[ ,:] ?/.test(message) ? message[0]!.toUpperCase() + message.slice(1) : message
}
