/** A panel's data: one request for all its runs, refreshed while they are live and only where it is seen. */

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { seriesQuery, type ProjectRef } from '../api/queries'
import { useLive } from '../api/useLive'
import type { SeriesSet } from '../core/series'
import type { SeriesRequest } from '../core/types'
import type { Proximity } from './useProximity'

export interface PanelData {
  data: SeriesSet | undefined
  error: Error | null
  loading: boolean
  /** Older data are shown while newer ones are on their way. */
  refreshing: boolean
  retry: () => void
}

/** At most two paints a second, and never more than a quarter of the time spent on asking. */
const LEAST_INTERVAL_MS = 500

export function useSeries(
  at: ProjectRef,
  wanted: SeriesRequest,
  proximity: Proximity,
  live: boolean,
): PanelData {
  const spec = useCovering(wanted)
  const query = useQuery({
    ...seriesQuery(at, spec, proximity === 'visible' ? 0 : 1),
    enabled: proximity !== 'far' && spec.runs.length > 0 && spec.width > 0,
    placeholderData: keepPreviousData,
    staleTime: live ? 2000 : Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  })
  const { refetch } = query
  const stale = useRef(false)
  const timer = useRef(0)
  const askedAt = useRef(0)
  const costMs = useRef(0)
  const seen = useRef(proximity)

  const refresh = useCallback((): void => {
    if (seen.current !== 'visible') {
      stale.current = true
      return
    }
    if (timer.current !== 0) return
    const wait = Math.max(LEAST_INTERVAL_MS, 4 * costMs.current) - (performance.now() - askedAt.current)
    timer.current = window.setTimeout(
      () => {
        timer.current = 0
        askedAt.current = performance.now()
        void refetch({ cancelRefetch: false }).then(() => {
          costMs.current = performance.now() - askedAt.current
        })
      },
      Math.max(0, wait),
    )
  }, [refetch])

  useEffect(() => {
    seen.current = proximity
    if (proximity === 'visible' && stale.current) {
      stale.current = false
      refresh()
    }
  }, [proximity, refresh])
  useEffect(
    () => () => {
      window.clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )

  useLive(at, (batch) => {
    const changed = spec.stream === 'system' ? batch.system : batch.history
    if (batch.caughtUp || spec.runs.some((run) => changed.has(run))) refresh()
  })

  // What was last read stays on screen when newer data cannot be had.
  const good = useRef<SeriesSet | undefined>(undefined)
  useEffect(() => {
    if (query.data) good.current = query.data
  }, [query.data])

  return {
    data: query.data ?? (query.error ? good.current : undefined),
    error: query.error,
    loading: query.isPending && spec.runs.length > 0,
    refreshing: query.isPlaceholderData,
    retry: () => void refetch(),
  }
}

/**
 * The request to send for what is wanted: an earlier one that already covers all its runs is kept, so that
 * hiding runs or making the panel narrower asks for nothing.
 */
function useCovering(wanted: SeriesRequest): SeriesRequest {
  const [held, setHeld] = useState(wanted)
  if (covers(held, wanted)) return held
  setHeld(wanted)
  return wanted
}

function covers(held: SeriesRequest, wanted: SeriesRequest): boolean {
  if (
    held.metrics[0] !== wanted.metrics[0] ||
    held.stream !== wanted.stream ||
    held.x !== wanted.x ||
    held.min !== wanted.min ||
    held.max !== wanted.max ||
    held.width < wanted.width ||
    held.width > 2 * wanted.width
  ) {
    return false
  }
  const runs = new Set(held.runs)
  return wanted.runs.every((run) => runs.has(run))
}
