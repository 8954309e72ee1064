/** The page state of charts and run list, read from the address and written back to it. */

import { useNavigate } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef } from 'react'
import { encodeView, parseView, type Search, type WorkspaceView } from '../core/view'
import { useAddress } from '../ui/usePlace'

export type ViewChange = Partial<WorkspaceView> | ((view: WorkspaceView) => Partial<WorkspaceView>)

/** Choosing pushes a history entry (`push`), typing and dragging replace it (`replace`). */
export type SetView = (change: ViewChange, how?: 'push' | 'replace') => void

const VIEW_KEYS = new Set(['q', 'sort', 'cols', 'x', 'xr', 'y', 'sm', 'panel', 'find', 'grid', 'sel', 'full'])

export function useView(): [WorkspaceView, SetView] {
  const search = useAddress()
  const navigate = useNavigate()
  const view = useMemo(() => parseView(search), [search])
  // Two changes may come before the router renders the first: the second builds on it.
  const latest = useRef(search)
  useEffect(() => {
    latest.current = search
  }, [search])

  const setView = useCallback<SetView>(
    (change, how = 'push') => {
      const before = parseView(latest.current)
      const patch = typeof change === 'function' ? change(before) : change
      const next = { ...others(latest.current), ...encodeView({ ...before, ...patch }) }
      latest.current = next
      void navigate({ to: '.', search: () => next, replace: how === 'replace', resetScroll: false })
    },
    [navigate],
  )
  return [view, setView]
}

/** Keys of the address that belong to the page and not to the view, such as `runs`. */
function others(search: Search): Search {
  return Object.fromEntries(
    Object.entries(search).filter(([key]) => !VIEW_KEYS.has(key) && !/^[xy]r\./.test(key)),
  )
}
