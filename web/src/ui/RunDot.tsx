import type { CSSProperties } from 'react'

const SLOTS = 24

/** A run's colour, by its slot in the palette. */
export function RunDot({ color, large = false }: { color: number; large?: boolean }) {
  return (
    <span
      className={large ? 'run-dot is-large' : 'run-dot'}
      style={{ '--dot': `var(--run-${color % SLOTS})` } as CSSProperties}
    />
  )
}
