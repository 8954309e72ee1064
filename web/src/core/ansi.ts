/** Console text with ANSI escapes → spans of text with token-named colours. Unknown sequences vanish. */

import { visibleControls } from './text'

export type AnsiColor = 'black' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white'

export interface AnsiSpan {
  text: string
  color: AnsiColor | null
  background: AnsiColor | null
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
}

type Style = Omit<AnsiSpan, 'text'>

const COLORS: readonly AnsiColor[] = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']
const PLAIN: Style = {
  color: null,
  background: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
}

/* eslint-disable no-control-regex -- escape sequences start with control characters */
/** CSI with its final byte, OSC up to its terminator, or another two-byte escape. */
const ESCAPE = /\u001b(?:\[([0-9;:?<=>]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g
/* eslint-enable no-control-regex */

export function parseAnsi(line: string): AnsiSpan[] {
  const text = collapseReturns(line)
  const spans: AnsiSpan[] = []
  let style = PLAIN
  let end = 0
  const push = (raw: string): void => {
    if (raw !== '') spans.push({ ...style, text: visibleControls(raw) })
  }
  for (const match of text.matchAll(ESCAPE)) {
    push(text.slice(end, match.index))
    end = match.index + match[0].length
    if (match[2] === 'm') style = applySgr(style, match[1] ?? '')
  }
  push(text.slice(end))
  return spans
}

/** The text a reader sees, for searching and copying. */
export function stripAnsi(line: string): string {
  return visibleControls(collapseReturns(line).replace(ESCAPE, ''))
}

/** A progress bar rewrites its line with `\r`: only its last state counts. */
export function collapseReturns(line: string): string {
  if (!line.includes('\r')) return line
  const states = line.split('\r').filter((state) => state !== '')
  return states.at(-1) ?? ''
}

function applySgr(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((part) => (part === '' ? 0 : Number(part)))
  let next = style
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0
    if (code === 38 || code === 48) {
      const [color, used] = extendedColor(codes.slice(i + 1))
      next = code === 38 ? { ...next, color } : { ...next, background: color }
      i += used
    } else {
      next = applyCode(next, code)
    }
  }
  return next
}

function applyCode(style: Style, code: number): Style {
  if (code === 0) return PLAIN
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 3) return { ...style, italic: true }
  if (code === 4) return { ...style, underline: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code === 23) return { ...style, italic: false }
  if (code === 24) return { ...style, underline: false }
  if (code === 39) return { ...style, color: null }
  if (code === 49) return { ...style, background: null }
  if (code >= 30 && code <= 37) return { ...style, color: COLORS[code - 30] ?? null }
  if (code >= 90 && code <= 97) return { ...style, color: COLORS[code - 90] ?? null }
  if (code >= 40 && code <= 47) return { ...style, background: COLORS[code - 40] ?? null }
  if (code >= 100 && code <= 107) return { ...style, background: COLORS[code - 100] ?? null }
  return style
}

/** 256-colour and true-colour codes, mapped to the nearest of the eight, since only those have tokens. */
function extendedColor(rest: readonly number[]): [AnsiColor | null, number] {
  if (rest[0] === 5) {
    const index = rest[1] ?? 0
    if (index < 16) return [COLORS[index % 8] ?? null, 2]
    if (index >= 232) return [index < 244 ? 'black' : 'white', 2]
    const cube = index - 16
    return [nearest(Math.floor(cube / 36) / 5, (Math.floor(cube / 6) % 6) / 5, (cube % 6) / 5), 2]
  }
  if (rest[0] === 2) {
    return [nearest((rest[1] ?? 0) / 255, (rest[2] ?? 0) / 255, (rest[3] ?? 0) / 255), 4]
  }
  return [null, 0]
}

function nearest(red: number, green: number, blue: number): AnsiColor {
  const top = Math.max(red, green, blue)
  if (top - Math.min(red, green, blue) < 0.15) return top < 0.5 ? 'black' : 'white'
  const bit = (value: number): number => (value > top * 0.6 ? 1 : 0)
  return COLORS[bit(red) + 2 * bit(green) + 4 * bit(blue)] ?? 'white'
}
