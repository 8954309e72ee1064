/** The metrics of a page, bounded: a catalogue that is longer than a page is searched by the server. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef } from 'react'
import { catalogueQuery, type CatalogueSource } from '../api/queries'
import { useLive } from '../api/useLive'
import { nameMatcher, toNameSearch } from '../core/sections'
import type { Metric } from '../core/types'
import { ownAxesOf } from './context'

export interface Catalogue {
  /** Loaded metrics that lines can be drawn of and that match the search, page by page. */
  batches: readonly (readonly string[])[]
  /** All loaded metrics, whatever they are, that match the search. */
  items: readonly Metric[]
  /** Metrics on the server that match the search. */
  total: number
  /** Loaded metrics that lines can be drawn of, search or not. */
  drawable: number
  /** Loaded keys that hold media or text. */
  others: number
  /** Axes declared when the metrics were defined. */
  ownAxes: ReadonlyMap<string, string>
  /** Nothing is left on the server. */
  complete: boolean
  /** More may be loaded by scrolling. */
  mayGrow: boolean
  loading: boolean
  /** The answer to another search is still shown. */
  searching: boolean
  error: Error | null
  retry: () => void
  loadMore: () => void
}

/** New metrics are looked for at most this often while runs log. */
const REFRESH_MS = 4000
const FIRST_REFRESH_MS = 300
/** Pages that scrolling loads; beyond them a search is the better way. */
const MOST_PAGES = 3

/** @param named A metric that is shown whether or not it is among those loaded. */
export function useCatalogue(source: CatalogueSource, find: string, named: string | null = null): Catalogue {
  const all = useInfiniteQuery(catalogueQuery(source))
  const complete = all.data !== undefined && !all.hasNextPage
  const asked = complete ? '' : find.trim()
  const found = useInfiniteQuery({
    ...catalogueQuery(source, toNameSearch(asked)),
    enabled: all.data !== undefined && asked !== '',
    placeholderData: keepPreviousData,
  })
  useRefresh(source, all)

  const query = asked === '' ? all : found
  const { data, fetchNextPage, hasNextPage, isFetchingNextPage } = query
  const derived = useMemo(() => {
    // What is loaded completely is searched here, at every key.
    const matcher = nameMatcher(complete ? find : '')
    const pages = (data?.pages ?? []).map((page) => page.items.filter(({ name }) => matcher.test(name)))
    const items = pages.flat()
    return {
      items,
      batches: pages.map((page) => page.filter(isDrawable).map(({ name }) => name)),
      others: items.filter((metric) => !isNumber(metric) && !metric.hidden).length,
    }
  }, [data, complete, find])
  const loaded = useMemo(() => all.data?.pages.flatMap((page) => page.items) ?? [], [all.data])
  const apart = useInfiniteQuery({
    ...catalogueQuery(source, { prefix: named ?? '' }),
    enabled: named !== null && all.data !== undefined && !complete,
  })
  const ownAxes = useMemo(
    () => ownAxesOf([...loaded, ...derived.items, ...(apart.data?.pages[0]?.items ?? [])]),
    [loaded, derived.items, apart.data],
  )

  return {
    ...derived,
    // Pages of a complete catalogue are one: their sections need not follow one another.
    batches: complete ? [derived.batches.flat()] : derived.batches,
    total: complete ? derived.items.length : (data?.pages[0]?.total ?? 0),
    drawable: loaded.filter(isDrawable).length,
    ownAxes,
    complete,
    mayGrow: hasNextPage && (data?.pages.length ?? 0) < MOST_PAGES,
    loading: all.isPending || (asked !== '' && found.isPending),
    searching: asked !== '' && found.isPlaceholderData,
    error: query.error,
    retry: () => void query.refetch(),
    loadMore: () => {
      if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
    },
  }
}

interface Refreshed {
  data: { pages: readonly { items: readonly Metric[] }[] } | undefined
  hasNextPage: boolean
  refetch: (options: { cancelRefetch: boolean }) => Promise<unknown>
}

/** Look for new metrics while runs log. They come last, so a catalogue with more pages shows no change. */
function useRefresh(source: CatalogueSource, { data, hasNextPage, refetch }: Refreshed): void {
  const timer = useRef(0)
  const empty = (data?.pages[0]?.items.length ?? 0) === 0
  useEffect(
    () => () => {
      window.clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )
  useLive(source.at, (batch) => {
    const changed = source.kind === 'system' ? batch.system : batch.history
    const concerned =
      source.kind === 'project'
        ? changed.size > 0 || batch.runs.size > 0
        : source.kind === 'runs'
          ? source.runs.some((run) => changed.has(run))
          : changed.has(source.at.run)
    if ((!concerned && !batch.caughtUp) || hasNextPage || timer.current !== 0) return
    timer.current = window.setTimeout(
      () => {
        timer.current = 0
        void refetch({ cancelRefetch: false })
      },
      empty ? FIRST_REFRESH_MS : REFRESH_MS,
    )
  })
}

function isNumber({ kind }: Metric): boolean {
  return kind === 'number' || kind === 'boolean'
}

function isDrawable(metric: Metric): boolean {
  return isNumber(metric) && !metric.hidden && !metric.name.startsWith('_')
}
