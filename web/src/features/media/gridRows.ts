/** The rows of the media grid, in both of its layouts. */

import type { Run } from '../../core/types'
import type { MediaTable } from './useMedia'

export type Row =
  | { kind: 'metric'; metric: string }
  | { kind: 'strip'; metric: string; run: Run }
  | { kind: 'rank'; metric: string; index: number }

export function toStrips(runs: readonly Run[], metrics: readonly string[]): Row[] {
  return metrics.flatMap((metric): Row[] => [
    { kind: 'metric', metric },
    ...runs.map((run): Row => ({ kind: 'strip', metric, run })),
  ])
}

export function toRanks(runs: readonly Run[], metrics: readonly string[], media: MediaTable): Row[] {
  return metrics.flatMap((metric): Row[] => {
    const counts = runs.map((run) => media.get(run.id)?.get(metric)?.media.length ?? 0)
    // One row at least, to say in it why there is nothing.
    const most = Math.max(1, ...counts)
    return [
      { kind: 'metric', metric },
      ...Array.from({ length: most }, (_, index): Row => ({ kind: 'rank', metric, index })),
    ]
  })
}

export function mostMedia(media: MediaTable): number {
  let most = 0
  for (const row of media.values()) for (const item of row.values()) most = Math.max(most, item.media.length)
  return most
}

export function keyOf(row: Row | undefined): string {
  if (!row) return ''
  const part = row.kind === 'strip' ? row.run.id : row.kind === 'rank' ? String(row.index) : ''
  return `${row.kind}\0${row.metric}\0${part}`
}
