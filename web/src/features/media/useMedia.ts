/** What the page shows: runs, metrics with media, where there are any, and the media at the slider's place. */

import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef } from 'react'
import { mediaKeysQuery, mediaQuery, notchesQuery, type MediaSelection } from '../../api/comparison'
import { runsQuery, type ProjectRef } from '../../api/queries'
import { useLive } from '../../api/useLive'
import type { ComparisonView } from '../../core/comparison'
import { firstMetric, type MediaItem, type MediaKey, type Notches } from '../../core/mediaSteps'
import { nearestIndex } from '../../core/steps'
import type { Run } from '../../core/types'
import { DEFAULT_SORT } from '../../core/view'
import { useSettled } from '../../ui/useSettled'

/** Media by run and metric. */
export type MediaTable = ReadonlyMap<string, ReadonlyMap<string, MediaItem>>

export interface ComparedMedia {
  selection: MediaSelection
  keys: readonly MediaKey[]
  notches: Notches | null
  /** The notch that is shown; null while there are none. */
  place: number | null
  /** The media of `shownPlace`, which is behind `place` while they are on their way. */
  media: MediaTable
  shownPlace: number | null
  loading: boolean
  error: Error | null
  retry: () => void
}

/** Sliding passes many places; only where it pauses are media asked for. */
const SLIDE_MS = 80
/** New steps are looked for at most this often while runs log. */
const REFRESH_MS = 4000
const NONE: readonly string[] = []

export function useMedia(at: ProjectRef, view: ComparisonView): ComparedMedia {
  const client = useQueryClient()
  const runs = view.runs ?? NONE
  const keys = useQuery({ ...mediaKeysQuery(at, runs), placeholderData: keepPreviousData })
  const metrics = useMemo(() => view.keys ?? firstMetric(keys.data ?? []), [view.keys, keys.data])
  const selection = useMemo(() => ({ runs, metrics, x: view.x }), [runs, metrics, view.x])
  const notches = useQuery({ ...notchesQuery(at, selection), placeholderData: keepPreviousData })
  const all = notches.data?.all ?? []
  const place = view.step === null ? (all.at(-1) ?? null) : (all[nearestIndex(all, view.step)] ?? null)

  const settled = useSettled(place, SLIDE_MS)
  const match = view.exact ? 'exact' : 'previous'
  const media = useQuery({
    ...mediaQuery(at, selection, settled ?? 0, match),
    ...(settled === null ? { enabled: false } : {}),
    placeholderData: keepPreviousData,
  })
  const table = useMemo(() => toTable(media.data?.items ?? []), [media.data])

  const timer = useRef(0)
  useEffect(
    () => () => {
      window.clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )
  useLive(at, (batch) => {
    const concerned = runs.some(
      (run) => batch.history.has(run) || batch.files.has(run) || batch.gone.has(run),
    )
    if ((!concerned && !batch.caughtUp) || timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void client.invalidateQueries({ queryKey: ['compare'] })
    }, REFRESH_MS)
  })

  const failed = [keys, notches, media].find((query) => query.error)
  return {
    selection,
    keys: keys.data ?? [],
    notches: notches.data ?? null,
    place,
    media: table,
    shownPlace: media.data?.place ?? null,
    loading: keys.isPending || notches.isFetching || media.isFetching,
    error: failed?.error ?? null,
    retry: () => {
      for (const query of [keys, notches, media]) if (query.error) void query.refetch()
    },
  }
}

/** Names and colours of the chosen runs, in the order chosen; those that are gone are left out. */
export function useChosenRuns(at: ProjectRef, ids: readonly string[]): readonly Run[] {
  const spec = { q: JSON.stringify({ name: { $in: ids } }), sort: DEFAULT_SORT, columns: [] }
  const query = useInfiniteQuery({
    ...runsQuery(at, spec),
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
  })
  const { hasNextPage, isFetchingNextPage, fetchNextPage, data } = query
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])
  return useMemo(() => {
    const byId = new Map(data?.pages.flatMap((page) => page.items).map((run) => [run.id, run]))
    return ids.flatMap((id) => byId.get(id) ?? [])
  }, [data, ids])
}

function toTable(items: readonly MediaItem[]): MediaTable {
  const table = new Map<string, Map<string, MediaItem>>()
  for (const item of items) {
    const row = table.get(item.run_id) ?? new Map<string, MediaItem>()
    table.set(item.run_id, row.set(item.metric, item))
  }
  return table
}
