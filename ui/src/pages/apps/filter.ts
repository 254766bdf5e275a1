// The filter grammar as far as the console edits it: terms, their facets, their values. What a filter means, the server
// alone decides (internal/filter); the shared cases in internal/filter/testdata hold for both.

/** Term is one term of a filter: its text as written, and what it is about. */
export interface Term {
  text: string
  /** state, cluster, label:team ...; '' for a word. */
  facet: string
  negated: boolean
  /** The values as they mean, in lower case, without quotes; undefined where a star or an age makes them more than a text. */
  values: (string | undefined)[]
}

const aliases: Record<string, string> = { ns: 'namespace', env: 'environment', repo: 'source', repository: 'source', rev: 'commit', revision: 'commit' }
export const KEYS = new Set(['state', 'sync', 'health', 'namespace', 'name', 'app', 'cluster', 'environment', 'component', 'reason', 'cause', 'message', 'source', 'author', 'commit', 'image', 'since', 'deployed', 'label'])
const space = /[\s\u0085]/

interface Char {
  c: string
  quoted: boolean
}

/** terms cuts a filter into its terms. A quote that is not closed goes to the end. */
export function terms(filter: string): Term[] {
  const all = [...filter]
  const out: Term[] = []
  for (let i = 0; i < all.length; ) {
    if (space.test(all[i]!)) {
      i++
      continue
    }
    const start = i
    const chars: Char[] = []
    let quoted = false
    for (; i < all.length && (quoted || !space.test(all[i]!)); i++) {
      const c = all[i]!
      if (c === '"') quoted = !quoted
      else if (c === '\\' && quoted && (all[i + 1] === '"' || all[i + 1] === '\\')) chars.push({ c: all[++i]!, quoted })
      else chars.push({ c, quoted })
    }
    out.push(read(all.slice(start, i).join(''), chars))
  }
  return out
}

const literal = (chars: Char[]) => chars.map((c) => c.c).join('').toLowerCase()
const find = (chars: Char[], seps: string) => chars.findIndex((c) => !c.quoted && seps.includes(c.c))

function read(text: string, all: Char[]): Term {
  const negated = all.length > 0 && all[0]!.c === '-' && !all[0]!.quoted
  let chars = negated ? all.slice(1) : all
  const sep = find(chars, ':=')
  if (sep < 0) return { text, facet: '', negated, values: [literal(chars)] }
  const name = literal(chars.slice(0, sep))
  let facet = aliases[name] ?? name
  const equals = chars[sep]!.c === '='
  chars = chars.slice(sep + 1)
  if (equals && !KEYS.has(facet)) facet = 'label:' + name
  else if (facet === 'label') {
    const eq = find(chars, '=')
    facet = 'label:' + literal(eq < 0 ? chars : chars.slice(0, eq))
    chars = eq < 0 ? [] : chars.slice(eq + 1)
    if (eq < 0) return { text, facet, negated, values: [] }
  }
  const values: (string | undefined)[] = []
  const age = facet === 'since' || facet === 'deployed'
  for (;;) {
    const comma = find(chars, ',')
    const one = comma < 0 ? chars : chars.slice(0, comma)
    values.push(age || one.some((c) => c.c === '*' && !c.quoted) ? undefined : literal(one))
    if (comma < 0) break
    chars = chars.slice(comma + 1)
  }
  return { text, facet, negated, values }
}

/** quote writes a value so that it means itself. */
export function quote(value: string): string {
  return value !== '' && !/[",*\\\s]/.test(value) ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`
}

/** write is a term of a facet and its values. */
function write(facet: string, values: string[]): string {
  const list = values.map(quote).join(',')
  return facet.startsWith('label:') ? `label:${quoteLabel(facet.slice(6))}=${list}` : `${facet}:${list}`
}
const quoteLabel = (name: string) => (/[",*\\=:\s]/.test(name) ? `"${name.replace(/[\\"]/g, '\\$&')}"` : name)

export const join = (parts: string[]) => parts.filter((p) => p !== '').join(' ')

/** chosen are the values of a facet that a filter asks for, in lower case. */
export function chosen(filter: string, facet: string): Set<string> {
  return new Set(terms(filter).filter((t) => t.facet === facet && !t.negated).flatMap((t) => t.values.filter((v) => v !== undefined)))
}

/** toggle adds a value of a facet to a filter, or takes it out. */
export function toggle(filter: string, facet: string, value: string): string {
  const all = terms(filter)
  const at = all.findIndex((t) => t.facet === facet && !t.negated && t.values.length > 0 && t.values.every((v) => v !== undefined))
  if (at < 0) return join([...all.map((t) => t.text), write(facet, [value])])
  const have = all[at]!.values as string[]
  const low = value.toLowerCase()
  const next = have.includes(low) ? have.filter((v) => v !== low) : [...have, low]
  return join(all.map((t, i) => (i !== at ? t.text : next.length === 0 ? '' : write(facet, next))))
}

/** without takes a term out, by its text. */
export function without(filter: string, term: string): string {
  const all = terms(filter)
  const at = all.findIndex((t) => t.text.toLowerCase() === term.toLowerCase())
  return join(all.filter((_, i) => i !== at).map((t) => t.text))
}

/** clearFacet takes all terms on a facet out. */
export function clearFacet(filter: string, facet: string): string {
  return join(terms(filter).filter((t) => t.facet !== facet).map((t) => t.text))
}
