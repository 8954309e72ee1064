/** One answer of the series route as typed columns, from response to canvas. */

import { asNumber, decodeLogged, type Logged } from './exact'
import type { Mark, SeriesAnswer } from './types'

export interface Series {
  run: string
  metric: string
  /** Points in the asked range, finite or not. */
  points: number
  /** Every bucket holds one point: then `min` and `max` are `mean` itself. */
  exact: boolean
  x: Float64Array
  /** NaN where a bucket holds only non-finite values. */
  mean: Float64Array
  min: Float64Array
  max: Float64Array
  nan: readonly Mark[]
  posInf: readonly Mark[]
  negInf: readonly Mark[]
  last: Logged
}

export interface SeriesSet {
  x: string
  range: readonly [number, number] | null
  series: readonly Series[]
}

export function decodeSeries(answer: SeriesAnswer): SeriesSet {
  const xs = answer.xs.map((column) => Float64Array.from(column))
  const series = answer.series.map((item) => {
    const x = xs[item.x] ?? new Float64Array(0)
    const mean = toColumn(item.mean)
    return {
      run: item.run,
      metric: item.metric,
      points: item.points,
      exact: item.exact,
      x,
      mean,
      min: item.min ? toColumn(item.min) : mean,
      max: item.max ? toColumn(item.max) : mean,
      nan: item.nan,
      posInf: item.pos_inf,
      negInf: item.neg_inf,
      last: decodeLogged(item.last),
    }
  })
  return { x: answer.x, range: answer.range, series }
}

/** Index of the value nearest to `x` in an ascending column; -1 when it is empty. */
export function nearestIndex(column: Float64Array, x: number): number {
  let low = 0
  let high = column.length - 1
  if (high < 0) return -1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((column[middle] ?? 0) <= x) low = middle
    else high = middle
  }
  return Math.abs((column[low] ?? 0) - x) <= Math.abs((column[high] ?? 0) - x) ? low : high
}

/** Whether a mark of consecutive non-finite points covers `x`. */
export function markAt(marks: readonly Mark[], x: number, slack: number): Mark | undefined {
  return marks.find(([first, last]) => x >= first - slack && x <= last + slack)
}

/**
 * Whether the line must not be drawn from point `index - 1` to `index`, because data are missing between.
 *
 * Only for bucketed series: their empty buckets are left out. The distance is compared with its neighbours
 * and not with the median, as a metric may be logged rarely at first and often later.
 */
export function isGap(series: Series, index: number): boolean {
  if (series.exact || index < 1) return false
  const { x } = series
  const here = x[index] ?? 0
  const previous = x[index - 1] ?? 0
  const distance = here - previous
  const before = index >= 2 ? previous - (x[index - 2] ?? 0) : 0
  const after = index + 1 < x.length ? (x[index + 1] ?? 0) - here : 0
  const usual = Math.max(before, after)
  return usual > 0 && distance > 8 * usual
}

function toColumn(values: readonly (number | null)[]): Float64Array {
  const column = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) column[i] = values[i] ?? Number.NaN
  return column
}

/** The last value when it is a number, for sorting and labels. */
export function lastNumber(series: Series): number | null {
  return asNumber(series.last)
}
