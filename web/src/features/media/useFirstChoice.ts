/** Opened without runs, the page shows the newest few that logged media, and says so in the address. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { mediaKeysQuery, notchesQuery } from '../../api/comparison'
import { runsQuery, type ProjectRef } from '../../api/queries'
import type { ComparisonView } from '../../core/comparison'
import { firstMetric } from '../../core/mediaSteps'
import { DEFAULT_SORT } from '../../core/view'
import type { SetComparison } from './useComparison'

interface FirstChoice {
  error: Error | null
  retry: () => void
}

const LOOKED_AT = 20
const CHOSEN = 4

export function useFirstChoice(at: ProjectRef, view: ComparisonView, setView: SetComparison): FirstChoice {
  const open = view.runs === null
  const runs = useInfiniteQuery({
    ...runsQuery(at, { q: '', sort: DEFAULT_SORT, columns: [] }),
    enabled: open,
  })
  const keys = useQuery({ ...mediaKeysQuery(at, []), enabled: open })
  const newest = (runs.data?.pages[0]?.items ?? []).slice(0, LOOKED_AT).map(({ id }) => id)
  const wanted = view.keys ?? firstMetric(keys.data ?? [])
  const notches = useQuery({
    ...notchesQuery(at, { runs: newest, metrics: wanted, x: 'step' }),
    ...(open ? {} : { enabled: false }),
  })

  const nothing =
    runs.data !== undefined && keys.data !== undefined && (newest.length === 0 || wanted.length === 0)
  const having =
    notches.data && newest.filter((run) => wanted.some((key) => notches.data.find(run, key) !== null))
  const choice = nothing ? newest : having && having.length > 0 ? having : having && newest
  const text = choice?.slice(0, CHOSEN).join('\0')
  useEffect(() => {
    if (open && text !== undefined) setView({ runs: text === '' ? [] : text.split('\0') }, 'replace')
  }, [open, text, setView])
  const failed = open ? [runs, keys, notches].find((query) => query.error) : undefined
  return { error: failed?.error ?? null, retry: () => void failed?.refetch() }
}
