/** Which line is near the pointer: the rows that each line covers, as it was painted. */

import type { ChartLine, Frame } from './model'
import type { Spans } from './raster'

export interface Hit {
  line: ChartLine
  /** Vertical distance in CSS pixels; 0 on the line. */
  distance: number
  /** Place among all lines in this column, 1 at the top. */
  rank: number
}

/** One entry per line, in device pixels. */
export type HitMap = readonly { line: ChartLine; spans: Spans }[]

/** Lines that have a value in this pixel column, nearest first; of those that cover the pointer, the most central. */
export function hitsAt(map: HitMap, px: number, py: number, { ratio }: Pick<Frame, 'ratio'>): Hit[] {
  const y = py * ratio
  const found: { line: ChartLine; distance: number; offset: number; middle: number; rank: number }[] = []
  for (const { line, spans } of map) {
    const column = Math.min(spans.top.length - 1, Math.max(0, Math.floor(px * ratio)))
    const top = spans.top[column] ?? Number.POSITIVE_INFINITY
    const bottom = spans.bottom[column] ?? Number.NEGATIVE_INFINITY
    if (bottom < top) continue
    const middle = (top + bottom) / 2
    const distance = Math.max(0, top - y, y - bottom) / ratio
    found.push({ line, distance, offset: Math.abs(middle - y), middle, rank: 0 })
  }
  found.sort((a, b) => a.middle - b.middle)
  found.forEach((hit, index) => (hit.rank = index + 1))
  found.sort((a, b) => a.distance - b.distance || a.offset - b.offset)
  return found.map(({ line, distance, rank }) => ({ line, distance, rank }))
}
