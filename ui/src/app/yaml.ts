/** A piece of one line of YAML, for colouring only: nothing is parsed, and any text comes out as it went in. */
export interface Token {
  readonly kind: 'key' | 'string' | 'number' | 'word' | 'comment' | 'mark' | 'text'
  readonly text: string
}

const head = /^(\s*(?:- )*)((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#:'"[\]{},&*!|>%@`-](?:[^:#]|:(?=\S)|(?<=\S)#)*?|-(?=[^\s-])(?:[^:#]|:(?=\S))*?))(:)(?=\s|$)/

/** Colours one line. Lines over 2,000 characters come back as they are. */
export function tokens(line: string): Token[] {
  if (line.length > 2000) return [{ kind: 'text', text: line }]
  const out: Token[] = []
  let rest = line
  const m = head.exec(line)
  if (m !== null) {
    push(out, 'mark', m[1]!)
    push(out, 'key', m[2]!)
    push(out, 'mark', m[3]!)
    rest = line.slice(m[0].length)
  } else {
    const lead = /^\s*(?:- )*/.exec(line)![0]
    push(out, 'mark', lead)
    rest = line.slice(lead.length)
  }
  value(out, rest)
  return out
}

function push(out: Token[], kind: Token['kind'], text: string): void {
  if (text !== '') out.push({ kind, text })
}

function value(out: Token[], text: string): void {
  const lead = /^\s*/.exec(text)![0]
  push(out, 'text', lead)
  const rest = text.slice(lead.length)
  if (rest === '') return
  if (rest.startsWith('#')) return push(out, 'comment', rest)
  const comment = rest.startsWith('"') || rest.startsWith("'") ? -1 : rest.search(/\s#/)
  const body = comment < 0 ? rest : rest.slice(0, comment)
  push(out, kindOf(body.trim()), body)
  if (comment >= 0) push(out, 'comment', rest.slice(comment))
}

function kindOf(v: string): Token['kind'] {
  if (/^(true|false|null|~)$/.test(v)) return 'word'
  if (/^[-+]?(\d[\d_]*)(\.\d+)?([eE][-+]?\d+)?$/.test(v)) return 'number'
  if (/^[|>][-+]?\d?$/.test(v) || v === '---' || v === '{}' || v === '[]') return 'mark'
  return 'string'
}
