/** Token values as canvases need them; read once per theme. */

import type { Rgb } from './raster'

export interface ChartTheme {
  /** Colour of each run palette slot. */
  run: readonly string[]
  text3: string
  grid: string
  warn: string
  /** Opacity of a min–max band. */
  band: number
  font: string
}

export const PALETTE_SIZE = 24

let current: ChartTheme | null = null
const listeners = new Set<() => void>()

export function chartTheme(): ChartTheme {
  current ??= readTheme()
  return current
}

/** Be told after the tokens changed. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener)
  if (listeners.size === 1) observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) observer.disconnect()
  }
}

export function runColor(theme: ChartTheme, slot: number): string {
  return theme.run[((slot % PALETTE_SIZE) + PALETTE_SIZE) % PALETTE_SIZE] ?? theme.text3
}

const packed = new Map<string, Rgb>()

/** A token's colour (`#rrggbb`) as bitmaps have it. */
export function toRgb(color: string): Rgb {
  const known = packed.get(color)
  if (known !== undefined) return known
  const value = Number.parseInt(color.slice(1), 16)
  const rgb = ((value >> 16) & 255) | (value & 0xff00) | ((value & 255) << 16)
  packed.set(color, rgb)
  return rgb
}

const observer = new MutationObserver(() => {
  current = null
  for (const listener of listeners) listener()
})

function readTheme(): ChartTheme {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    run: Array.from({ length: PALETTE_SIZE }, (_, slot) => token(`run-${slot}`)),
    text3: token('text-3'),
    grid: token('grid'),
    warn: token('warn'),
    band: Number(token('band')),
    font: `11px ${token('font')}`,
  }
}
