/** ServerEvent is one event of a stream; id stays that of the last event that had one. */
export interface ServerEvent {
  event: string
  data: string
  id: string
}

/** eventParser takes text in any pieces and calls `on` for each event, `beat` for each comment. */
export function eventParser(on: (e: ServerEvent) => void, beat: () => void): (text: string) => void {
  let rest = ''
  let event = ''
  let data: string[] = []
  let id = ''
  const line = (l: string) => {
    if (l === '') {
      if (data.length > 0) on({ event: event || 'message', data: data.join('\n'), id })
      event = ''
      data = []
      return
    }
    if (l.startsWith(':')) return beat()
    const colon = l.indexOf(':')
    const field = colon < 0 ? l : l.slice(0, colon)
    const value = colon < 0 ? '' : l.slice(l[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') event = value
    else if (field === 'data') data.push(value)
    else if (field === 'id' && !value.includes('\0')) id = value
  }
  return (text) => {
    rest += text
    let at = 0
    for (;;) {
      const end = rest.indexOf('\n', at)
      if (end < 0) break
      line(rest[end - 1] === '\r' ? rest.slice(at, end - 1) : rest.slice(at, end))
      at = end + 1
    }
    rest = rest.slice(at)
  }
}
