/** Which y range a chart shows: everything, unless a few values would flatten the rest. */

import type { Series } from './series'
import { niceRange } from './ticks'

export interface YRange {
  min: number
  max: number
  /** Buckets whose exact maximum (minimum) lies outside. */
  above: number
  below: number
  /** The full range was not shown because outliers would flatten the rest. */
  robust: boolean
  /** Buckets a log axis cannot show, because they reach 0 or less. */
  notPositive: number
}

/** (max − p99) must exceed this many times (p99 − p1) before values count as outliers. */
const OUTLIER_FACTOR = 5

export interface RangeOptions {
  log: boolean
  /** The user asked for the full range (`true`), for the robust one (`false`), or for neither. */
  full: boolean | null
  /** Extra values that must be inside, such as smoothed ones. */
  xRange?: readonly [number, number] | undefined
}

/**
 * The y range of a panel.
 *
 * The exact minimum and maximum decide; the robust range ends at the outermost value that is no outlier,
 * so that only outliers are clipped. A log axis is never robust: it has room for them.
 */
export function yRange(all: readonly Series[], options: RangeOptions): YRange | null {
  const means: number[] = []
  const low: number[] = []
  const high: number[] = []
  let notPositive = 0
  for (const series of all) {
    for (let i = 0; i < series.mean.length; i++) {
      const mean = series.mean[i] ?? Number.NaN
      if (Number.isNaN(mean)) continue
      const x = series.x[i] ?? 0
      if (options.xRange && (x < options.xRange[0] || x > options.xRange[1])) continue
      const min = series.min[i] ?? mean
      const max = series.max[i] ?? mean
      if (options.log && min <= 0) notPositive++
      means.push(mean)
      low.push(min)
      high.push(max)
    }
  }
  if (options.log) return logRange(low, high, notPositive)
  if (means.length === 0) return null
  const fullMin = lowest(low)
  const fullMax = highest(high)
  const bounds = outlierBounds(means, fullMin, fullMax)
  if (!bounds || options.full === true) {
    const [min, max] = niceRange(fullMin, fullMax)
    return { min, max, above: 0, below: 0, robust: false, notPositive: 0 }
  }
  const [floor, ceiling] = bounds
  const [min, max] = niceRange(
    lowest(low.filter((value) => value >= floor)),
    highest(high.filter((value) => value <= ceiling)),
  )
  return {
    min,
    max,
    above: high.filter((value) => value > max).length,
    below: low.filter((value) => value < min).length,
    robust: true,
    notPositive: 0,
  }
}

/** The interval outside of which values are outliers, or null when there are none. */
export function outlierBounds(means: readonly number[], min: number, max: number): [number, number] | null {
  const sorted = Float64Array.from(means).sort()
  const p1 = quantile(sorted, 0.01)
  const p99 = quantile(sorted, 0.99)
  const spread = p99 - p1
  // A constant with one exception would call the exception an outlier and show a flat line.
  if (!(spread > 0)) return null
  const above = max - p99 > OUTLIER_FACTOR * spread
  const below = p1 - min > OUTLIER_FACTOR * spread
  if (!above && !below) return null
  return [
    below ? p1 - OUTLIER_FACTOR * spread : Number.NEGATIVE_INFINITY,
    above ? p99 + OUTLIER_FACTOR * spread : Number.POSITIVE_INFINITY,
  ]
}

/** The x range to draw while data arrive: kept while they fit, then 5 % more than needed. */
export function grownRange(
  shown: readonly [number, number] | null,
  data: readonly [number, number],
): readonly [number, number] {
  const [first, last] = data
  if (!shown || shown[0] > first || last < shown[0]) return data
  if (last <= shown[1]) return shown[0] === first ? shown : [first, shown[1]]
  return [first, last + 0.05 * (last - first)]
}

function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))] ?? Number.NaN
}

function lowest(values: readonly number[]): number {
  return values.reduce((a, b) => (b < a ? b : a), Number.POSITIVE_INFINITY)
}

function highest(values: readonly number[]): number {
  return values.reduce((a, b) => (b > a ? b : a), Number.NEGATIVE_INFINITY)
}

function logRange(low: readonly number[], high: readonly number[], notPositive: number): YRange | null {
  const positiveLow = low.filter((value) => value > 0)
  const positiveHigh = high.filter((value) => value > 0)
  if (positiveHigh.length === 0) return null
  const min = Math.min(lowest(positiveLow), lowest(positiveHigh))
  const max = highest(positiveHigh)
  const wide = max / min >= 10
  const base = { above: 0, below: 0, robust: false, notPositive }
  if (wide) return { ...base, min: 10 ** Math.floor(Math.log10(min)), max: 10 ** Math.ceil(Math.log10(max)) }
  const room = min === max ? 2 : (max / min) ** 0.05
  return { ...base, min: min / room, max: max * room }
}
