import { useSyncExternalStore } from 'react'
import { formatAgo } from '../core/format'

const listeners = new Set<() => void>()
let now = Date.now()
let timer = 0

/** `2 min ago`, with the exact local and UTC time on hover; kept fresh by one timer for the page. */
export function Ago({ iso }: { iso: string | null }) {
  const at = useNow()
  if (iso === null) return <span className="faint">–</span>
  return (
    <time dateTime={iso} title={`${new Date(iso).toLocaleString()} · ${iso}`}>
      {formatAgo(iso, at)}
    </time>
  )
}

/** The current time in ms, renewed every 15 s. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (listeners.size === 1) {
    now = Date.now()
    timer = window.setInterval(() => {
      now = Date.now()
      for (const each of listeners) each()
    }, 15_000)
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) window.clearInterval(timer)
  }
}
