/** Requests of the compare API: one answer for all runs and metrics of a page. */

import { queryOptions } from '@tanstack/react-query'
import {
  Notches,
  type MediaAnswer,
  type MediaItem,
  type MediaKey,
  type NotchesAnswer,
} from '../core/mediaSteps'
import { apiUrl, request } from './http'
import { sessionQuery, type ProjectRef } from './queries'

/** Which media. Without metrics there are none, though the server would take all. */
export interface MediaSelection {
  runs: readonly string[]
  metrics: readonly string[]
  /** `step`, or the metric that tells media apart. */
  x: string
}

/** How runs without media at a place are shown: not at all, or with their last ones before. */
export type Matching = 'exact' | 'previous'

/** Items of one answer at most. */
const PAGE = 1000
/** Addresses of files are good for an hour at least. */
const FRESH_MS = 30 * 60_000

/** Metrics that hold media, of the newest runs if none are named. */
export const mediaKeysQuery = (at: ProjectRef, runs: readonly string[]) =>
  queryOptions({
    queryKey: ['compare', 'keys', at, runs],
    queryFn: async ({ signal }) => {
      const body = { ...at, run_ids: runs }
      return (await request<{ items: MediaKey[] }>('POST', '/compare/keys', { signal, body })).items
    },
  })

export const notchesQuery = (at: ProjectRef, selection: MediaSelection) =>
  queryOptions({
    queryKey: ['compare', 'notches', at, selection],
    queryFn: async ({ signal }) =>
      new Notches(
        await request<NotchesAnswer>('POST', '/compare/notches', { signal, body: bodyOf(at, selection) }),
      ),
    enabled: isSomething(selection),
    structuralSharing: false,
  })

/** The media at one place of the axis. */
export const mediaQuery = (at: ProjectRef, selection: MediaSelection, place: number, match: Matching) =>
  queryOptions({
    queryKey: ['compare', 'media', at, selection, match, place],
    queryFn: async ({ signal, client }) => {
      const publicUrl =
        (await client.query({ ...sessionQuery, staleTime: 'static' }))?.server.public_url ?? ''
      const items: MediaItem[] = []
      let after: string | null = null
      do {
        const body = { ...bodyOf(at, selection), at: place, match, limit: PAGE, after }
        const answer: MediaAnswer = await request<MediaAnswer>('POST', '/compare/media', { signal, body })
        items.push(...answer.items)
        after = answer.next
      } while (after !== null)
      for (const item of items) {
        item.media = item.media.map((medium) => ({ ...medium, url: hereOf(medium.url, publicUrl) }))
      }
      return { place, match, items }
    },
    enabled: isSomething(selection),
    staleTime: FRESH_MS,
    structuralSharing: false,
  })

/** Files of a selection as one archive: at one place, or of all the axis. */
export function mediaZipUrl(
  at: ProjectRef,
  { runs, metrics, x }: MediaSelection,
  place: { at: number; match: Matching } | null,
): string {
  return apiUrl('/compare/media.zip', { ...at, run: runs, metrics, x: axisOf(x), ...place })
}

/** The page may be open under another name of the server, and loads from its own origin only. */
function hereOf(url: string | null, publicUrl: string): string | null {
  return url !== null && publicUrl !== '' && url.startsWith(`${publicUrl}/`)
    ? url.slice(publicUrl.length)
    : url
}

function bodyOf(at: ProjectRef, { runs, metrics, x }: MediaSelection) {
  return { ...at, run_ids: runs, metrics, x: axisOf(x) }
}

function axisOf(x: string): string {
  return x === 'step' ? '_step' : x
}

function isSomething({ runs, metrics }: MediaSelection): boolean {
  return runs.length > 0 && metrics.length > 0
}
