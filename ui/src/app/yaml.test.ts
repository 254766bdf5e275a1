import { describe, expect, it } from 'vitest'

import { tokens } from './yaml'

const said = (line: string) => tokens(line).map((t) => `${t.kind}:${t.text}`)

describe('the colours of a line of YAML', () => {
  it.each<[string, string[]]>([
    ['apiVersion: apps/v1', ['key:apiVersion', 'mark::', 'text: ', 'string:apps/v1']],
    ['  replicas: 4', ['mark:  ', 'key:replicas', 'mark::', 'text: ', 'number:4']],
    ['- name: web # the first', ['mark:- ', 'key:name', 'mark::', 'text: ', 'string:web', 'comment: # the first']],
    ['    image: registry.example.com/web:1.4', ['mark:    ', 'key:image', 'mark::', 'text: ', 'string:registry.example.com/web:1.4']],
    ['# all of it', ['comment:# all of it']],
    ['data: {}', ['key:data', 'mark::', 'text: ', 'mark:{}']],
    ['ready: true', ['key:ready', 'mark::', 'text: ', 'word:true']],
    ['"a: b": "c # d"', ['key:"a: b"', 'mark::', 'text: ', 'string:"c # d"']],
    ['spec:', ['key:spec', 'mark::']],
    ['', []],
  ])('%j', (line, want) => {
    expect(said(line)).toEqual(want)
  })

  it('give any text back as it was', () => {
    const letters = [' ', '-', ':', '#', '"', "'", 'a', '1', '\\', '{', '|', '\t', '‮', '😀', '<', '/']
    let s = 12345
    for (let i = 0; i < 5000; i++) {
      let line = ''
      for (let k = 0; k < i % 40; k++) {
        s = (Math.imul(s, 1664525) + 1013904223) >>> 0
        line += letters[s % letters.length]
      }
      expect(tokens(line).map((t) => t.text).join('')).toBe(line)
    }
  })

  it('take time that grows with the line, not faster', () => {
    const from = performance.now()
    for (const c of ['a', ' a', '"', ': ', '- ', 'a#', '-a']) tokens(c.repeat(1900 / c.length))
    expect(performance.now() - from).toBeLessThan(1000)
  })
})
