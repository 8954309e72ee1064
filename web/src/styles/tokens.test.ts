/** Recomputes the contrasts that the design guide promises, from the token file itself. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8')

function tokensOf(theme: 'light' | 'dark'): ReadonlyMap<string, string> {
  const block = new RegExp(`data-theme='${theme}'\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? ''
  return new Map(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]),
  )
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (high + 0.05) / (low + 0.05)
}

const GROUNDS = ['surface', 'bg', 'sunken', 'hover', 'selected', 'raised']
/** Fields and controls stand on these only; the guide's worst case for their border is over them. */
const CONTROL_GROUNDS = ['surface', 'bg', 'raised']

/** Token: contrast on `surface`, worst over all grounds. */
const PROMISED = {
  light: {
    text: [16.9, 14.24],
    'text-2': [8.02, 6.76],
    'text-3': [5.4, 4.54],
    'border-strong': [3.36, 3.1],
    accent: [5.87, 4.94],
    ok: [5.39, 4.54],
    warn: [5.93, 4.99],
    err: [5.9, 4.97],
    info: [5.48, 4.62],
  },
  dark: {
    text: [14.75, 11.79],
    'text-2': [9.29, 7.43],
    'text-3': [6.18, 4.94],
    'border-strong': [3.76, 3.42],
    accent: [7.68, 6.13],
    ok: [8.62, 6.89],
    warn: [8.92, 7.13],
    err: [7.33, 5.86],
    info: [8.41, 6.72],
  },
} as const

/** Per theme: smallest contrast of a run colour on card and on page. */
const RUNS = { light: [3.29, 3.04], dark: [4.19, 4.49] } as const

function entriesOf(
  promised: Readonly<Record<string, readonly [number, number]>>,
): [string, number, number][] {
  return Object.entries(promised).map(([name, [surface, worst]]) => [name, surface, worst])
}

describe.each(['light', 'dark'] as const)('%s', (theme) => {
  const tokens = tokensOf(theme)
  const token = (name: string): string => tokens.get(name) ?? ''

  test.each(entriesOf(PROMISED[theme]))('%s keeps its contrast', (name, surface, worst) => {
    expect(contrast(token(name), token('surface'))).toBeCloseTo(surface, 1)
    const grounds = name === 'border-strong' ? CONTROL_GROUNDS : GROUNDS
    const lowest = Math.min(...grounds.map((ground) => contrast(token(name), token(ground))))
    expect(lowest).toBeGreaterThan(worst - 0.05)
  })

  test.each(['ok', 'warn', 'err', 'info'])('%s is readable on its chip', (name) => {
    expect(contrast(token(name), token(`${name}-bg`))).toBeGreaterThan(4.5)
  })

  test('the button’s text is readable', () => {
    expect(contrast(token('on-accent'), token('accent'))).toBeGreaterThan(4.5)
  })

  test('24 run colours differ and stand out from card and page', () => {
    const colors = Array.from({ length: 24 }, (_, slot) => token(`run-${slot}`))
    const [card, page] = RUNS[theme]
    expect(new Set(colors).size).toBe(24)
    expect(Math.min(...colors.map((color) => contrast(color, token('surface'))))).toBeGreaterThan(card - 0.05)
    expect(Math.min(...colors.map((color) => contrast(color, token('bg'))))).toBeGreaterThan(page - 0.05)
  })
})

test('both themes define the same tokens', () => {
  expect([...tokensOf('light').keys()]).toEqual([...tokensOf('dark').keys()])
})
