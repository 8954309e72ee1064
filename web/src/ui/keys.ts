/** Page shortcuts: one listener per component, silent while somebody types. */

import { useEffect, useRef } from 'react'

/** Handlers by key: `j`, `Shift+x`, `Ctrl+a`, or `g p` for two keys in a row. */
export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>

const SEQUENCE_MS = 1000
let prefix: { key: string; atMs: number } | null = null

export function useKeys(keys: KeyMap): void {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || isTaken(event) || document.querySelector('dialog[open]')) return
      if (event.key === 'Enter' && isActionable(event.target)) return
      const name = nameOf(event)
      const sequence = prefix && event.timeStamp - prefix.atMs < SEQUENCE_MS ? `${prefix.key} ${name}` : null
      const handler = (sequence === null ? undefined : latest.current[sequence]) ?? latest.current[name]
      if (name === 'g') prefix = { key: 'g', atMs: event.timeStamp }
      if (!handler) return
      event.preventDefault()
      handler(event)
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  }, [])
}

function nameOf(event: KeyboardEvent): string {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const control = event.ctrlKey || event.metaKey ? 'Ctrl+' : ''
  // `?` already needs Shift; only letters keep it as a part of the name.
  const shift = event.shiftKey && (event.key.length > 1 || /^[a-z]$/.test(letter)) ? 'Shift+' : ''
  return control + shift + letter
}

/** The element that has the focus takes the key itself: letters in a field, arrows on a slider. */
function isTaken({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement) {
    if (target.type === 'range') return /^(Arrow|Page|Home|End)/.test(key)
    return target.type !== 'checkbox'
  }
  return (
    target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
  )
}

/** Enter belongs to the focused button or link. */
function isActionable(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, a[href], summary, figure') !== null
}
