/** The theme: system, light or dark. `public/assets/theme.js` sets it before the first paint. */

import { useSyncExternalStore } from 'react'

export type ThemeChoice = 'system' | 'light' | 'dark'

const KEY = 'kymograph.theme'
const ORDER: readonly ThemeChoice[] = ['system', 'light', 'dark']
const listeners = new Set<() => void>()
const system = window.matchMedia('(prefers-color-scheme: dark)')
let choice = readChoice()

system.addEventListener('change', apply)

export function useTheme(): ThemeChoice {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => choice,
  )
}

export function setTheme(next: ThemeChoice): void {
  choice = next
  try {
    localStorage.setItem(KEY, next)
  } catch {
    // Storage may be forbidden; the choice then lasts for this page.
  }
  apply()
}

export function cycleTheme(): void {
  setTheme(ORDER[(ORDER.indexOf(choice) + 1) % ORDER.length] ?? 'system')
}

function apply(): void {
  document.documentElement.dataset['theme'] =
    choice === 'system' ? (system.matches ? 'dark' : 'light') : choice
  for (const listener of listeners) listener()
}

function readChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(KEY)
    return stored === 'light' || stored === 'dark' ? stored : 'system'
  } catch {
    return 'system'
  }
}
