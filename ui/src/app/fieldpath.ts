/** One step of a field's path: a field of a map, an element told apart by keys, or an element by its place. */
export type Step = { readonly field: string } | { readonly keys: Readonly<Record<string, string>> } | { readonly index: number }

/** Reads a path as the server writes it: .spec.ports[port=53,protocol=UDP]["a.b/c"]. undefined: it is not one. */
export function parsePath(path: string): Step[] | undefined {
  const out: Step[] = []
  let rest = path
  while (rest !== '') {
    const m = /^\.([^.[\]"]+)|^\[("(?:[^"\\]|\\.)*")\]|^\[([^\]]*)\]/.exec(rest)
    if (m === null) return undefined
    rest = rest.slice(m[0].length)
    if (m[1] !== undefined) out.push({ field: m[1] })
    else if (m[2] !== undefined) {
      const name = unquoted(m[2])
      if (name === undefined) return undefined
      out.push({ field: name })
    } else {
      const step = element(m[3]!)
      if (step === undefined) return undefined
      out.push(step)
    }
  }
  return out.length === 0 ? undefined : out
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string
  } catch {
    return undefined
  }
}

function element(inner: string): Step | undefined {
  if (/^\d+$/.test(inner)) return { index: Number(inner) }
  const keys: Record<string, string> = {}
  for (const part of inner.split(/,(?=[A-Za-z][\w-]*=)/)) {
    const at = part.indexOf('=')
    if (at <= 0) return undefined
    keys[part.slice(0, at)] = part.slice(at + 1)
  }
  return { keys }
}

/** Writes a path as a rule of an App can hold it: an element that takes several keys to tell apart becomes any element. */
export function rulePath(path: string): { path: string; widened: boolean } {
  const steps = parsePath(path)
  if (steps === undefined) return { path, widened: false }
  let widened = false
  const text = steps.map((s) => {
    if ('field' in s) return /^[\w$-]+$/.test(s.field) ? `.${s.field}` : `[${JSON.stringify(s.field)}]`
    if ('index' in s) return `[${s.index}]`
    const [one, ...more] = Object.entries(s.keys)
    if (one !== undefined && more.length === 0) return `[${one[0]}=${one[1]}]`
    widened = true
    return '[*]'
  })
  return { path: text.join(''), widened }
}

/** Whether a path is what a rule's path names, or lies in it. */
export function covers(rule: string, path: string): boolean {
  const a = parsePath(rule.replaceAll('[*]', '[0]'))
  const any = parsePathAny(rule)
  const b = parsePath(path)
  if (a === undefined || b === undefined || a.length > b.length) return false
  return a.every((s, i) => any[i] === true ? !('field' in b[i]!) : same(s, b[i]!))
}

/** Which steps of a rule's path match any element. */
function parsePathAny(rule: string): boolean[] {
  const out: boolean[] = []
  for (const m of rule.matchAll(/\.[^.[\]"]+|\["(?:[^"\\]|\\.)*"\]|\[[^\]]*\]/g)) out.push(m[0] === '[*]')
  return out
}

const same = (a: Step, b: Step) => JSON.stringify(a) === JSON.stringify(b)
