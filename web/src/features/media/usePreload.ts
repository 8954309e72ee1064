/** Loads the images of the places beside the shown one, so that the next step is there at once. */

import { useQueryClient } from '@tanstack/react-query'
import { useEffect, type RefObject } from 'react'
import { mediaQuery } from '../../api/comparison'
import type { ProjectRef } from '../../api/queries'
import type { ComparisonView } from '../../core/comparison'
import type { GridHandle } from './MediaGrid'
import type { ComparedMedia } from './useMedia'

/** Images of a place that are loaded ahead at most. */
const MOST_AHEAD = 80
/** Sliding goes first: only when it rests is anything loaded ahead. */
const REST_MS = 150

export function usePreload(
  at: ProjectRef,
  { selection, notches, place, shownPlace }: ComparedMedia,
  { exact }: ComparisonView,
  grid: RefObject<GridHandle | null>,
): void {
  const client = useQueryClient()
  useEffect(() => {
    if (place === null || shownPlace !== place || !notches) return
    const controller = new AbortController()
    const load = async (): Promise<void> => {
      const here = notches.all.indexOf(place)
      for (const beside of [notches.all[here + 1], notches.all[here - 1]]) {
        if (beside === undefined) continue
        const options = mediaQuery(at, selection, beside, exact ? 'exact' : 'previous')
        const answer = await client.query(options)
        controller.signal.throwIfAborted()
        const urls = answer.items
          .filter(({ kind }) => kind === 'image')
          .flatMap(({ run_id: run, metric, media }) =>
            media.flatMap(({ url, index }) =>
              url !== null && grid.current?.isNear(run, metric, index) ? [url] : [],
            ),
          )
        for (const url of urls.slice(0, MOST_AHEAD)) {
          const image = new Image()
          image.decoding = 'async'
          image.fetchPriority = 'low'
          image.src = url
        }
      }
    }
    const timer = window.setTimeout(() => {
      // What fails here is asked for again when it is needed, and then it says why; what is overtaken is not.
      load().catch(() => undefined)
    }, REST_MS)
    return () => {
      window.clearTimeout(timer)
      controller.abort()
    }
  }, [client, at, selection, notches, place, shownPlace, exact, grid])
}
