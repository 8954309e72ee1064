/** Arrow keys in lists and trees of buttons or links. */

import type { KeyboardEvent } from 'react'

/** Moves the focus among the rows of a list: up, down, Home and End. True if the key was one of these. */
export function moveAmongRows(event: KeyboardEvent<HTMLElement>, rowSelector: string): boolean {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>(rowSelector)]
  const here = rows.indexOf(document.activeElement as HTMLElement)
  const next = nextRow(event.key, here, rows.length)
  if (next === null) return false
  event.preventDefault()
  rows[next]?.focus()
  return true
}

function nextRow(key: string, here: number, count: number): number | null {
  if (key === 'ArrowDown') return Math.min(here + 1, count - 1)
  if (key === 'ArrowUp') return Math.max(here - 1, 0)
  if (key === 'Home') return 0
  return key === 'End' ? count - 1 : null
}
