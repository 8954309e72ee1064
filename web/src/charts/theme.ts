/** Token values as canvases need them; read once per theme. */

export interface ChartTheme {
  /** Colour of each run palette slot. */
  run: readonly string[]
  text: string
  text3: string
  grid: string
  border: string
  surface: string
  crosshair: string
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

const observer = new MutationObserver(() => {
  current = null
  for (const listener of listeners) listener()
})

function readTheme(): ChartTheme {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    run: Array.from({ length: PALETTE_SIZE }, (_, slot) => token(`run-${slot}`)),
    text: token('text'),
    text3: token('text-3'),
    grid: token('grid'),
    border: token('border'),
    surface: token('surface'),
    crosshair: token('crosshair'),
    band: Number(token('band')),
    font: `11px ${token('font')}`,
  }
}
