// YAML for people to paste: plain where that is safe, quoted where it is not, and nothing that a terminal or editor would obey.

/** Writes a JSON value as YAML, without a newline at its end. */
export function toYAML(value: unknown, indent = 0): string {
  const pad = '  '.repeat(indent)
  if (Array.isArray(value)) {
    if (value.length === 0) return `${pad}[]`
    return value.map((v) => {
      const body = toYAML(v, indent + 1)
      return block(v) ? `${pad}- ${body.slice(pad.length + 2)}` : `${pad}- ${scalar(v, indent)}`
    }).join('\n')
  }
  if (isMap(value)) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined)
    if (entries.length === 0) return `${pad}{}`
    return entries.map(([k, v]) => {
      if (!block(v)) return `${pad}${key(k)}: ${scalar(v, indent)}`
      return `${pad}${key(k)}:\n${toYAML(v, indent + 1)}`
    }).join('\n')
  }
  return pad + scalar(value, indent)
}

const isMap = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)
const block = (v: unknown) => (Array.isArray(v) ? v.length > 0 : isMap(v) && Object.values(v).some((x) => x !== undefined))

function scalar(v: unknown, indent: number): string {
  if (v === undefined || v === null) return 'null'
  if (typeof v === 'string') return text(v, indent)
  if (typeof v === 'object') return Array.isArray(v) ? '[]' : '{}'
  return String(v)
}

function key(k: string): string {
  return plainText(k) ? k : quoted(k)
}

function text(s: string, indent: number): string {
  if (plainText(s)) return s
  // Several lines stand as they are, where YAML gives them back unchanged.
  if (/^[^\s].*\n/.test(s) && !unsafe.test(s.replaceAll('\n', '')) && !/\n\n$/.test(s) && !/[ \t]\n|[ \t]$/.test(s)) {
    const pad = '  '.repeat(indent + 1)
    const body = s.replace(/\n$/, '').split('\n').map((l) => (l === '' ? '' : pad + l)).join('\n')
    return `${s.endsWith('\n') ? '|' : '|-'}\n${body}`
  }
  return quoted(s)
}

/** Control characters, those that turn the direction of text or do not show, and halves of surrogate pairs. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/u

function quoted(s: string): string {
  return JSON.stringify(s).replace(new RegExp(unsafe.source, 'gu'), (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether a text can stand without quotes, and is read back as this text: not as a number, a truth, a date or a mark. */
function plainText(s: string): boolean {
  if (!/^[A-Za-z_./$][\w./@+-]*(?::[\w./@+-]+)*$/.test(s)) return false
  return !/^(?:true|false|yes|no|on|off|y|n|null|\.inf|\.nan)$/i.test(s) && !/^[.\d]+$/.test(s) && !/^\.?\d/.test(s)
}
