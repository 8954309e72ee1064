import { describe, expect, test } from 'vitest'
import { collapseReturns, parseAnsi, stripAnsi } from './ansi'

const ESC = '\u001b'

describe('parseAnsi', () => {
  test('plain text is one span', () => {
    expect(parseAnsi('hello')).toMatchObject([{ text: 'hello', color: null, bold: false }])
  })

  test('colours and weights apply until they are reset', () => {
    const spans = parseAnsi(`${ESC}[1;32mok${ESC}[0m then ${ESC}[91mbad${ESC}[39m.`)
    expect(spans).toMatchObject([
      { text: 'ok', color: 'green', bold: true },
      { text: ' then ', color: null, bold: false },
      { text: 'bad', color: 'red' },
      { text: '.', color: null },
    ])
  })

  test('256 and true colours map to the nearest of the eight', () => {
    expect(parseAnsi(`${ESC}[38;5;196mx`)).toMatchObject([{ color: 'red' }])
    expect(parseAnsi(`${ESC}[38;2;10;200;30mx`)).toMatchObject([{ color: 'green' }])
    expect(parseAnsi(`${ESC}[48;5;21mx`)).toMatchObject([{ background: 'blue' }])
  })

  test('other sequences and links vanish, their text stays', () => {
    expect(stripAnsi(`${ESC}[2K${ESC}[1Aa${ESC}]8;;http://x${ESC}\\b${ESC}]8;;${ESC}\\c`)).toBe('abc')
  })

  test('a broken sequence does not eat the line', () => {
    expect(stripAnsi(`${ESC}[999999`)).toContain('999999')
  })

  test('control characters become visible', () => {
    expect(stripAnsi('a\u0007b\u202ec')).toBe('a␇b⟨U+202E⟩c')
  })
})

test('a rewritten line shows its last state', () => {
  expect(collapseReturns('10%\r50%\r100%')).toBe('100%')
  expect(collapseReturns('100%\r')).toBe('100%')
})
