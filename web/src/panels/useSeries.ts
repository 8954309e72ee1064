/** A panel's data: one request for all its runs; while some are live, only what they add, and only where it is seen. */

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { readSeries, seriesQuery, type ProjectRef } from '../api/queries'
import type { LiveBatch } from '../api/live'
import { useLive } from '../api/useLive'
import { grow, growthOf } from '../core/growth'
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
/** What was read before is read again this often while runs log: steps may have come in any order. */
const WHOLE_MS = 30_000

/** @param live Runs that may log. */
export function useSeries(
  at: ProjectRef,
  wanted: SeriesRequest,
  proximity: Proximity,
  live: ReadonlySet<string>,
): PanelData {
  const spec = useCovering(wanted)
  const query = useQuery({
    ...seriesQuery(at, spec, proximity === 'visible' ? 0 : 1),
    enabled: proximity !== 'far' && spec.runs.length > 0 && spec.width > 0,
    placeholderData: keepPreviousData,
    staleTime: live.size > 0 ? 2000 : Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  })
  const { refetch } = query
  useGrowth(at, spec, proximity, live, () => refetch({ cancelRefetch: false }))

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

/** Keep the data of a panel up to date while runs log. */
function useGrowth(
  at: ProjectRef,
  spec: SeriesRequest,
  proximity: Proximity,
  live: ReadonlySet<string>,
  readAll: () => Promise<unknown>,
): void {
  const client = useQueryClient()
  const [news] = useState(() => new News())
  const timer = useRef(0)
  const askedAt = useRef(0)
  const costMs = useRef(0)

  const ask = async (signal: AbortSignal): Promise<void> => {
    const key = seriesQuery(at, spec, 0).queryKey
    const held = client.getQueryData(key)
    const { changed, lastStep, whole } = news.take()
    const growth = held && !whole ? growthOf(held, spec, new Set([...live, ...changed]), lastStep) : null
    if (!held || !growth) {
      await readAll()
      return
    }
    const known = new Set(held.series.map(({ run }) => run))
    const { runs, min, max, width } = growth
    try {
      const [answer, begun] = await Promise.all([
        readSeries(at, { ...spec, runs: [...runs], min, max, width }, 0, signal),
        hasBegun(
          at,
          spec,
          changed.filter((run) => !known.has(run)),
          signal,
        ),
      ])
      if (client.getQueryData(key) !== held) return
      const grown = begun ? null : grow(held, spec, growth, answer)
      if (grown) client.setQueryData(key, grown)
      else await readAll()
    } catch {
      // Reading everything says what failed, beside the chart.
      if (!signal.aborted) await readAll()
    }
  }
  const latest = useRef(ask)
  useEffect(() => {
    latest.current = ask
  })
  const asking = useRef(new AbortController())
  const mounted = useRef(false)
  const refresh = (): void => {
    if (!mounted.current || proximity !== 'visible' || timer.current !== 0 || !news.any) return
    const wait = Math.max(LEAST_INTERVAL_MS, 4 * costMs.current) - (performance.now() - askedAt.current)
    timer.current = window.setTimeout(
      () => {
        askedAt.current = performance.now()
        void latest.current(asking.current.signal).finally(() => {
          timer.current = 0
          costMs.current = performance.now() - askedAt.current
          follow.current()
        })
      },
      Math.max(0, wait),
    )
  }
  // What came while an answer was on its way is asked for next.
  const follow = useRef(refresh)
  useEffect(() => {
    follow.current = refresh
    refresh()
  })

  useEffect(() => {
    // Another range or other runs: an answer to the old request has no place any more.
    const controller = new AbortController()
    asking.current = controller
    return () => controller.abort()
  }, [at, spec])
  useEffect(() => {
    mounted.current = true
    return () => {
      mounted.current = false
      window.clearTimeout(timer.current)
      timer.current = 0
    }
  }, [])

  const running = useRef(live)
  useEffect(() => {
    // A run that has ended is read once more as a whole.
    if ([...running.current].some((run) => !live.has(run) && spec.runs.includes(run))) news.all()
    running.current = live
  }, [live, spec.runs, news])

  useLive(at, (batch) => {
    news.note(batch, spec)
    refresh()
  })
}

/** Whether runs that had no points of a metric have some now. */
async function hasBegun(
  at: ProjectRef,
  spec: SeriesRequest,
  runs: string[],
  signal: AbortSignal,
): Promise<boolean> {
  if (runs.length === 0) return false
  const { series } = await readSeries(at, { ...spec, runs, width: 1 }, 0, signal)
  return series.some(({ points }) => points > 0)
}

/** What has been told since the last question. */
class News {
  readonly #changed = new Set<string>()
  readonly #steps = new Map<string, number>()
  #whole = false
  #wholeAt = performance.now()

  get any(): boolean {
    return this.#whole || this.#changed.size > 0
  }

  /** Everything has to be read again. */
  all(): void {
    this.#whole = true
  }

  note(batch: LiveBatch, { stream, runs }: SeriesRequest): void {
    if (batch.caughtUp) this.#whole = true
    for (const run of runs) {
      if (!(stream === 'system' ? batch.system.has(run) : batch.history.has(run))) continue
      this.#changed.add(run)
      const step = batch.history.get(run)?.last_step ?? null
      if (step === null) continue
      // A run that goes back has lost what came after.
      if (step < (this.#steps.get(run) ?? step)) this.#whole = true
      this.#steps.set(run, step)
    }
  }

  take(): { changed: string[]; lastStep: number | null; whole: boolean } {
    const now = performance.now()
    const changed = [...this.#changed]
    const whole = this.#whole || now - this.#wholeAt > WHOLE_MS
    if (whole) this.#wholeAt = now
    this.#changed.clear()
    this.#whole = false
    const steps = changed.map((run) => this.#steps.get(run) ?? Number.NaN)
    const lastStep = Math.max(...steps)
    return { changed, lastStep: Number.isFinite(lastStep) ? lastStep : null, whole }
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
