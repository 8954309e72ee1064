/** Which runs and sections a project's view hides. Kept in this browser: saved views do not exist yet. */

import { useCallback, useEffect, useState } from 'react'

export function useStoredSet(key: string): [ReadonlySet<string>, (next: ReadonlySet<string>) => void] {
  const [state, setState] = useState(() => ({ key, set: readSet(key) }))
  const current = state.key === key ? state : { key, set: readSet(key) }
  useEffect(() => {
    if (state.key !== key) setState({ key, set: readSet(key) })
  }, [key, state.key])
  const change = useCallback(
    (next: ReadonlySet<string>) => {
      setState({ key, set: next })
      try {
        if (next.size > 0) localStorage.setItem(key, JSON.stringify([...next]))
        else localStorage.removeItem(key)
      } catch {
        // Storage may be full or forbidden: the choice then lasts for this page.
      }
    },
    [key],
  )
  return [current.set, change]
}

function readSet(key: string): ReadonlySet<string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    return new Set(Array.isArray(stored) ? stored.filter((item) => typeof item === 'string') : [])
  } catch {
    return new Set()
  }
}
