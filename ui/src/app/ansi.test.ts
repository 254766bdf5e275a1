import { describe, expect, it } from 'vitest'

import { bare, gravity, highlight, pieces } from './ansi'

const E = '\u001b'

describe('a log line', () => {
  it.each([
    ['plain', 'plain', ['plain']],
    [`${E}[32mINFO${E}[0m started`, 'INFO started', ['green:INFO', ' started']],
    [`${E}[1;31mbad${E}[22m less`, 'bad less', ['red*:bad', 'red: less']],
    [`${E}[38;5;208mx${E}[39my`, 'xy', ['x', 'y']],
    [`${E}[2J${E}[Hgone`, 'gone', ['gone']],
    [`${E}]8;;javascript:alert(1)${E}\\link`, 'link', ['link']],
    [`${E}]0;title\u0007text`, 'text', ['text']],
    [`cut ${E}[3`, `cut ${E}[3`, [`cut ${E}[3`]],
  ])('%j is shown as %j', (line, text, want) => {
    expect(bare(line)).toBe(text)
    expect(pieces(line).map((p) => (p.colour ? `${p.colour}${p.bold ? '*' : ''}:${p.text}` : p.text))).toEqual(want)
  })

  it('keeps its text when it is cut at what was searched for', () => {
    const line = `a ${E}[31merror and${E}[0m more error`
    const cut = highlight(pieces(line), [[2, 7], [17, 22]])
    expect(cut.map((p) => p.text).join('')).toBe(bare(line))
    expect(cut.filter((p) => p.hit).map((p) => p.text)).toEqual(['error', 'error'])
  })

  it('marks a hit that crosses a colour in both colours', () => {
    expect(highlight(pieces(`ab${E}[31mcd`), [[1, 3]]).filter((p) => p.hit).map((p) => p.text)).toEqual(['b', 'c'])
  })

  it.each([['2026 ERROR no', 'error'], ['{"level":"warn"}', 'warn'], ['no errors here', ''], ['level=fatal msg', 'error'], ['', '']])('%j is %j', (line, want) => {
    expect(gravity(line)).toBe(want)
  })
})
