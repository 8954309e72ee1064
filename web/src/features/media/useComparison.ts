/** The page state, read from the address and written back to it. */

import { useNavigate } from '@tanstack/react-router'
import { useCallback, useEffect, useRef, useState } from 'react'
import { encodeComparison, parseComparison, type ComparisonView } from '../../core/comparison'
import { stringifySearch } from '../../core/view'
import { useAddress } from '../../ui/usePlace'

/**
 * Choosing adds to the history of addresses (`push`), what the page decides by itself replaces the last one
 * (`replace`), and sliding shows at once and comes into the address when it pauses (`slide`).
 */
export type SetComparison = (change: Partial<ComparisonView>, how?: 'push' | 'replace' | 'slide') => void

const PAUSE_MS = 250

export function useComparison(): [ComparisonView, SetComparison] {
  const address = stringifySearch(useAddress())
  const search = useAddress()
  const navigate = useNavigate()
  const [shown, setShown] = useState(() => ({ address, view: parseComparison(search) }))
  const latest = useRef(shown.view)
  const timer = useRef(0)

  // Back and links change the address without us; what we wrote ourselves is shown already.
  if (shown.address !== address) {
    const own = stringifySearch(encodeComparison(shown.view)) === address
    setShown({ address, view: own ? shown.view : parseComparison(search) })
  }
  useEffect(() => {
    latest.current = shown.view
  }, [shown.view])
  useEffect(() => () => window.clearTimeout(timer.current), [])

  const change = useCallback<SetComparison>(
    (patch, how = 'push') => {
      const view = { ...latest.current, ...patch }
      latest.current = view
      setShown((before) => ({ ...before, view }))
      window.clearTimeout(timer.current)
      const write = (): void => {
        const next = encodeComparison(latest.current)
        void navigate({ to: '.', search: () => next, replace: how !== 'push', resetScroll: false })
      }
      if (how === 'slide') timer.current = window.setTimeout(write, PAUSE_MS)
      else write()
    },
    [navigate],
  )
  return [shown.view, change]
}
