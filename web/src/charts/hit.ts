/** Which line is near the pointer: y pixels per pixel column, computed once per draw. */

import { isGap } from '../core/series'
import type { ChartLine, Frame } from './model'

export interface Hit {
  line: ChartLine
  /** Vertical distance in CSS pixels. */
  distance: number
}

/** One row of y pixels per line; NaN where the line is not drawn. */
export type HitMap = readonly { line: ChartLine; y: Float32Array }[]

export function toHitMap(lines: readonly ChartLine[], frame: Frame): HitMap {
  const columns = Math.max(1, Math.ceil(frame.width))
  return lines.map((line) => {
    const row = new Float32Array(columns).fill(Number.NaN)
    const { series, y } = line
    for (let i = 0; i < series.x.length; i++) {
      const py = frame.toY(y[i] ?? Number.NaN)
      if (Number.isNaN(py)) continue
      const px = frame.toX(series.x[i] ?? 0)
      const joined = i > 0 && !isGap(series, i)
      const beforeY = joined ? frame.toY(y[i - 1] ?? Number.NaN) : Number.NaN
      const beforeX = Number.isNaN(beforeY) ? px : frame.toX(series.x[i - 1] ?? 0)
      const first = Math.max(0, Math.floor(beforeX))
      const last = Math.min(columns - 1, Math.floor(px))
      for (let column = first; column <= last; column++) {
        const share = px === beforeX ? 1 : Math.max(0, (column - beforeX) / (px - beforeX))
        row[column] = Number.isNaN(beforeY) ? py : beforeY + (py - beforeY) * share
      }
    }
    return { line, y: row }
  })
}

/** Lines that have a value in this pixel column, nearest first. */
export function hitsAt(map: HitMap, px: number, py: number): Hit[] {
  const column = Math.round(px)
  const hits: Hit[] = []
  for (const { line, y } of map) {
    const value = y[Math.min(y.length - 1, Math.max(0, column))] ?? Number.NaN
    if (!Number.isNaN(value)) hits.push({ line, distance: Math.abs(value - py) })
  }
  return hits.sort((a, b) => a.distance - b.distance)
}
