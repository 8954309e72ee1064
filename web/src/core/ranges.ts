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
  if (options.log) return logRange(all, options.xRange)
  let fullMin = Number.POSITIVE_INFINITY
  let fullMax = Number.NEGATIVE_INFINITY
  let buckets = 0
  each(all, options.xRange, (_mean, min, max) => {
    buckets++
    if (min < fullMin) fullMin = min
    if (max > fullMax) fullMax = max
  })
  if (buckets === 0) return null
  const bounds = outlierBounds(sampledMeans(all, options.xRange, buckets), fullMin, fullMax)
  if (!bounds || options.full === true) {
    const [min, max] = niceRange(fullMin, fullMax)
    return { min, max, above: 0, below: 0, robust: false, notPositive: 0 }
  }
  const [floor, ceiling] = bounds
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  each(all, options.xRange, (_mean, min, max) => {
    if (min >= floor && min < low) low = min
    if (max <= ceiling && max > high) high = max
  })
  const [min, max] = niceRange(low, high)
  return { min, max, ...clipped(all, options.xRange, min, max), robust: true, notPositive: 0 }
}

/** Buckets whose exact maximum (minimum) lies outside a y range. */
function clipped(
  all: readonly Series[],
  range: readonly [number, number] | undefined,
  min: number,
  max: number,
): { above: number; below: number } {
  let above = 0
  let below = 0
  each(all, range, (_mean, lowest, highest) => {
    if (highest > max) above++
    if (lowest < min) below++
  })
  return { above, below }
}

/** Call `take` with every bucket in the range that holds finite values. */
function each(
  all: readonly Series[],
  range: readonly [number, number] | undefined,
  take: (mean: number, min: number, max: number) => void,
): void {
  for (const { x, mean, min, max } of all) {
    for (let i = 0; i < mean.length; i++) {
      const value = mean[i] as number
      if (value !== value) continue
      if (range !== undefined) {
        const at = x[i] as number
        if (at < range[0] || at > range[1]) continue
      }
      take(value, min[i] as number, max[i] as number)
    }
  }
}

/** More would only make the same two quantiles take longer. */
const MOST_SAMPLES = 20_000

/** Every n-th bucket mean, the same ones every time. */
function sampledMeans(
  all: readonly Series[],
  range: readonly [number, number] | undefined,
  buckets: number,
): number[] {
  const every = Math.ceil(buckets / MOST_SAMPLES)
  const means: number[] = []
  let next = 0
  for (const { x, mean } of all) {
    for (; next < mean.length; next += every) {
      const value = mean[next] as number
      const at = x[next] as number
      if (value !== value || (range !== undefined && (at < range[0] || at > range[1]))) continue
      means.push(value)
    }
    next -= mean.length
  }
  return means
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

/** The y range to draw while data arrive: it grows where they leave it, and never shrinks under the reader's eyes. */
export function keptRange(
  shown: YRange,
  fresh: YRange | null,
  all: readonly Series[],
  { xRange }: Pick<RangeOptions, 'xRange'>,
): YRange {
  if (fresh === null) return shown
  // What counts as an outlier has changed: then what is shown has to.
  if (fresh.robust !== shown.robust) return fresh
  const min = Math.min(shown.min, fresh.min)
  const max = Math.max(shown.max, fresh.max)
  return { ...fresh, min, max, ...(fresh.robust ? clipped(all, xRange, min, max) : {}) }
}

function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))] ?? Number.NaN
}

function logRange(all: readonly Series[], range: readonly [number, number] | undefined): YRange | null {
  let min = Number.POSITIVE_INFINITY
  let max = 0
  let notPositive = 0
  each(all, range, (_mean, low, high) => {
    if (low <= 0) notPositive++
    // Of a bucket that reaches 0 or less, the highest value still has a place.
    if (low > 0 && low < min) min = low
    if (high > 0 && high < min) min = high
    if (high > max) max = high
  })
  if (max === 0) return null
  const base = { above: 0, below: 0, robust: false, notPositive }
  if (max / min >= 10) {
    return { ...base, min: 10 ** Math.floor(Math.log10(min)), max: 10 ** Math.ceil(Math.log10(max)) }
  }
  const room = min === max ? 2 : (max / min) ** 0.05
  return { ...base, min: min / room, max: max * room }
}
