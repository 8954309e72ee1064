/** The run list's rows: pages of the server, kept in the order they were first shown. */

import { useInfiniteQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { runsQuery, type ProjectRef, type RunListSpec } from '../../api/queries'
import { useLive } from '../../api/useLive'
import type { Page, Run } from '../../core/types'

export interface RunRows {
  rows: readonly Run[]
  total: number
  /** Runs that exist now but are not in the list yet. */
  fresh: number
  /** Take the server's present order, new runs included. */
  showNew: () => void
  loading: boolean
  error: Error | null
  retry: () => void
  hasMore: boolean
  loadMore: () => void
}

/** Summary values change with every step; the list asks for them at most this often. */
const VALUES_MS = 3000

export function useRunRows(at: ProjectRef, spec: RunListSpec): RunRows {
  const options = runsQuery(at, spec)
  const query = useInfiniteQuery(options)
  const client = useQueryClient()
  const { refetch, data } = query
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data])
  const key = JSON.stringify(options.queryKey)
  const [order, setOrder] = useState<{ key: string; ids: readonly string[]; pages: number } | null>(null)
  const pages = data?.pages.length ?? 0

  // New rows come in by asking for them: a filter, a sort, another page, or "show new".
  if (data && (order?.key !== key || order.pages < pages)) {
    const kept = order?.key === key ? order.ids : []
    const known = new Set(kept)
    setOrder({ key, pages, ids: [...kept, ...items.map((run) => run.id).filter((id) => !known.has(id))] })
  }

  const rows = useMemo(() => {
    const byId = new Map(items.map((run) => [run.id, run]))
    return (order?.key === key ? order.ids : []).flatMap((id) => byId.get(id) ?? [])
  }, [items, order, key])

  const timer = useRef(0)
  const refreshSoon = useCallback(() => {
    if (timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void refetch({ cancelRefetch: false })
    }, VALUES_MS)
  }, [refetch])
  useEffect(
    () => () => {
      window.clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )

  useLive(at, (batch) => {
    const known = new Set(items.map((run) => run.id))
    const patched = [...batch.runs.values()].filter((run) => known.has(run.id))
    if (patched.length > 0 || batch.history.size > 0) {
      client.setQueryData<InfiniteData<Page<Run>, string | null>>(
        options.queryKey,
        (old) =>
          old && {
            ...old,
            pages: old.pages.map((page) => ({
              ...page,
              items: page.items.map((run) => {
                const change = batch.runs.get(run.id)
                const step = batch.history.get(run.id)?.last_step
                return change || step !== undefined
                  ? { ...run, ...change, last_step: step ?? change?.last_step ?? run.last_step }
                  : run
              }),
            })),
          },
      )
    }
    const appeared = [...batch.runs.keys()].some((id) => !known.has(id))
    const values = spec.columns.length > 0 && batch.summary.size > 0
    if (batch.caughtUp || appeared || values || batch.gone.size > 0) refreshSoon()
  })

  const known = useMemo(() => new Set(order?.ids), [order])
  return {
    rows,
    total: data?.pages[0]?.total ?? 0,
    fresh: items.filter((run) => !known.has(run.id)).length,
    showNew: () => setOrder({ key, pages, ids: items.map((run) => run.id) }),
    loading: query.isPending,
    error: query.error,
    retry: () => void refetch(),
    hasMore: query.hasNextPage && !query.isFetchingNextPage,
    loadMore: () => void query.fetchNextPage(),
  }
}
