/** Short remarks at the foot of the page: what can be undone, and what failed. */

import { useSyncExternalStore } from 'react'

export interface ToastAction {
  label: string
  run: () => void
}

export interface Toast {
  id: number
  text: string
  /** A failure stays until it is closed. */
  failed: boolean
  action: ToastAction | null
}

const MOST = 3
let shown: readonly Toast[] = []
let count = 0
const listeners = new Set<() => void>()

export function showToast(text: string, options: { failed?: boolean; action?: ToastAction } = {}): void {
  const { failed = false, action = null } = options
  change([...shown, { id: ++count, text, failed, action }].slice(-MOST))
}

export function closeToast(id: number): void {
  change(shown.filter((toast) => toast.id !== id))
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => shown,
  )
}

function change(next: readonly Toast[]): void {
  shown = next
  for (const listener of listeners) listener()
}
