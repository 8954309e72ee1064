/** One answer of the series route as typed columns, from response to canvas. */

import { asNumber, decodeLogged, type Logged } from './exact'
import type { DamagedRange, Mark, SeriesAnswer } from './types'

/** Single precision where that is enough for pixels; the points of exact series are always double. */
export type Column = Float64Array | Float32Array
export type Counts = Uint32Array | Uint16Array | Float64Array

export interface Series {
  run: string
  metric: string
  /** Points in the asked range, finite or not. */
  points: number
  /** Every bucket holds one point: then `min` and `max` are `mean` itself. */
  exact: boolean
  x: Float64Array
  /** NaN where a bucket holds only non-finite values. */
  mean: Column
  min: Column
  max: Column
  /** Finite values per bucket; null when every bucket is one point. */
  count: Counts | null
  nan: readonly Mark[]
  posInf: readonly Mark[]
  negInf: readonly Mark[]
  last: Logged
  /** The bounds of its buckets, ascending; series that were read together have the same ones. */
  edges: Float64Array
  /** Ranges of steps that the server could not read. */
  damaged: readonly DamagedRange[]
}

export interface SeriesSet {
  x: string
  range: readonly [number, number] | null
  /** Number of buckets that `range` was divided into. */
  width: number
  /** Not all of what was asked for is there. */
  truncated: boolean
  series: readonly Series[]
}

type JsonColumn = readonly (number | null)[]

export function decodeSeries(answer: SeriesAnswer<JsonColumn>): SeriesSet {
  return build(answer, toColumn, (column) => Float64Array.from(column, (value) => value ?? 0))
}

/** What stands for a column in the header of a binary answer: kind, offset in bytes, number of values. */
export type ColumnReference = readonly [kind: 'f4' | 'f8' | 'u2' | 'u4', offset: number, length: number]

const MAGIC = 0x3153594b // "KYS1", little-endian

/**
 * Decode a binary answer (`docs/reference/rest.md`, "Series as bytes"): its columns stay where they are.
 *
 * @throws RangeError when the bytes are no such answer or end too soon.
 */
export function decodeSeriesBytes(bytes: ArrayBuffer): SeriesSet {
  const view = new DataView(bytes)
  if (bytes.byteLength < 8 || view.getUint32(0, true) !== MAGIC) {
    throw new RangeError('The answer is not a series answer')
  }
  const headerEnd = 8 + view.getUint32(4, true)
  const header = new TextDecoder().decode(new Uint8Array(bytes, 8, headerEnd - 8))
  const read = ([kind, offset, length]: ColumnReference):
    Float32Array | Float64Array | Uint16Array | Uint32Array => {
    const at = headerEnd + offset
    if (kind === 'f4') return new Float32Array(bytes, at, length)
    if (kind === 'f8') return new Float64Array(bytes, at, length)
    return kind === 'u2' ? new Uint16Array(bytes, at, length) : new Uint32Array(bytes, at, length)
  }
  return build(
    JSON.parse(header) as SeriesAnswer<ColumnReference>,
    (reference) => read(reference) as Column,
    (reference) => read(reference) as Counts,
  )
}

function build<C>(
  answer: SeriesAnswer<C>,
  toValues: (column: C) => Column,
  toCounts: (column: C) => Counts,
): SeriesSet {
  const xs = answer.xs.map((column) => {
    const x = toValues(column)
    return x instanceof Float64Array ? x : Float64Array.from(x)
  })
  const { range, width } = answer
  const edges = range === null ? new Float64Array(2) : bucketEdges(range[0], range[1], width)
  const series = answer.series.map((item) => {
    const mean = toValues(item.mean)
    return {
      run: item.run,
      metric: item.metric,
      points: item.points,
      exact: item.exact,
      x: xs[item.x] ?? new Float64Array(0),
      mean,
      min: item.min ? toValues(item.min) : mean,
      max: item.max ? toValues(item.max) : mean,
      count: item.count ? toCounts(item.count) : null,
      nan: item.nan,
      posInf: item.pos_inf,
      negInf: item.neg_inf,
      last: decodeLogged(item.last),
      edges,
      damaged: item.damaged ?? [],
    }
  })
  return {
    x: answer.x,
    range,
    width,
    truncated: answer.truncated,
    series,
  }
}

/** The bounds of `width` equal parts of a range, computed as the server does, to the last bit. */
export function bucketEdges(low: number, high: number, width: number): Float64Array {
  const edges = new Float64Array(width + 1)
  let most = low
  for (let i = 0; i <= width; i++) {
    const share = i / width
    // Rounding may carry an edge past a bound that lies close.
    most = Math.max(most, Math.min(high, low * (1 - share) + high * share))
    edges[i] = most
  }
  edges[width] = high
  return edges
}

/** A value of a column as people read it: single precision has digits of its own, and no others. */
export function valueOf(column: Column, index: number): number {
  const value = column[index] ?? Number.NaN
  return column instanceof Float32Array ? shortest(value) : value
}

/** The shortest decimal number that is this one in single precision: 0.1 and not 0.10000000149. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
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

const gapsByX = new WeakMap<Float64Array, Uint8Array | null>()

/** 1 at points that must not be joined to the one before them; null when there are none. Once per x column. */
export function gapsOf(series: Series): Uint8Array | null {
  if (series.exact) return null
  const known = gapsByX.get(series.x)
  if (known !== undefined) return known
  let gaps: Uint8Array | null = null
  for (let i = 1; i < series.x.length; i++) {
    if (isGap(series, i)) (gaps ??= new Uint8Array(series.x.length))[i] = 1
  }
  gapsByX.set(series.x, gaps)
  return gaps
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

function toColumn(values: JsonColumn): Float64Array {
  const column = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) column[i] = values[i] ?? Number.NaN
  return column
}

/** The last value when it is a number, for sorting and labels. */
export function lastNumber(series: Series): number | null {
  return asNumber(series.last)
}
