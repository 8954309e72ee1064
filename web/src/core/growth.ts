/**
 * Series that grow: which part of an answer to ask for again while runs log, and how to put it in the old one's place.
 *
 * Buckets that are full stay as they are; those from a run's last point on are read again. That holds for points that
 * are logged in ascending order, so whoever uses this reads everything again now and then.
 *
 * All runs that grow are read together: a part of a range has edges that differ from those of the whole in their last
 * bit, and a point that lies on one would be counted twice, or not at all, if runs had edges of different origin.
 */

import { bucketEdges, valueOf, type Column, type Counts, type Series, type SeriesSet } from './series'
import type { Mark, SeriesRequest } from './types'

/** A part of a request: some runs, from a place on. */
export interface Growth {
  runs: readonly string[]
  min: number
  max: number | null
  width: number
  /** The bucket that `min` begins. */
  bucket: number
}

/** When a set has grown to this many times the buckets asked for, fewer and wider ones are read. */
const MOST_GROWN = 1.5
/** How far a set may have grown on axes whose end nobody tells, as a share of its buckets. */
const ROOM = 0.5
/** Buckets asked for beyond the last one that is needed: data in the end ones tell that there may be more. */
const SPARE = 3

/**
 * What to ask for after some of the runs have logged that may.
 *
 * @param live Runs that may log, whether or not they have.
 * @param lastStep Their highest step where it is known; an axis over steps then needs no more than reaches there.
 * @returns null when the whole request has to be sent again.
 */
export function growthOf(
  held: SeriesSet,
  request: SeriesRequest,
  live: ReadonlySet<string>,
  lastStep: number | null,
): Growth | null {
  const series = held.series.filter(({ run }) => live.has(run))
  const edges = series[0]?.edges
  // Values of another metric may go anywhere on an axis.
  if (edges === undefined || held.range === null || request.x.startsWith('metric:')) return null
  if (series.some((item) => item.edges !== edges)) return null
  const runs = series.map(({ run }) => run)
  const open = Math.min(...series.map((item) => uncrossed(item, lastX(item))))
  if (inPoints(held, request)) return { runs, min: open, max: null, width: request.width, bucket: 0 }
  const count = edges.length - 1
  const bucket = openBucket(series, edges, open)
  const min = edges[bucket] ?? 0
  const end = edges[count] ?? 0
  if (request.max !== null) return { runs, min, max: end, width: count - bucket, bucket }
  const size = (end - (edges[0] ?? 0)) / count
  if (!(size > 0) || count > MOST_GROWN * request.width) return null
  const needed = request.x === 'step' && lastStep !== null ? (lastStep - end) / size : ROOM * count
  const more = Math.max(0, Math.ceil(needed)) + SPARE
  if (more > request.width) return null
  return { runs, min, max: end + more * size, width: count + more - bucket, bucket }
}

/**
 * `held` with an answer to `growth` in the place of what it covers; null when everything has to be read again.
 *
 * Law: what a run has logged in ascending order is in exactly one bucket, as if all had been read at once.
 */
export function grow(
  held: SeriesSet,
  request: SeriesRequest,
  growth: Growth,
  answer: SeriesSet,
): SeriesSet | null {
  const tails = new Map(answer.series.map((series) => [series.run, series]))
  const own = held.series.find(({ run }) => run === growth.runs[0])?.edges
  const tailEdges = answer.series[0]?.edges
  // A run that has lost its last point was rewound.
  if (own === undefined || tailEdges === undefined || growth.runs.some((run) => !tails.has(run))) return null
  const points = inPoints(held, request)
  if (points && answer.series.some(({ exact }) => !exact)) return null
  const edges = points ? own : joinedEdges(own, growth.bucket, tailEdges)
  if (!points && request.max === null && reachesEnd(answer, edges)) return null
  const xs = new SharedX()
  const truncated = held.truncated || answer.truncated
  const grown = held.series.map((old) => {
    const tail = tails.get(old.run)
    return tail ? join(old, tail, growth.min, edges, request.width, xs) : old
  })
  if (points && grown.some(({ exact }) => !exact)) return null
  if (held.range === null || request.max !== null) return { ...held, truncated, series: grown }
  const end = answer.series.reduce((most, tail) => Math.max(most, knownEnd(tail)), held.range[1])
  const last = grown.reduce((most, item) => Math.max(most, lastX(item)), end)
  // Buckets that hold nothing yet would be asked for again and again.
  const used = points
    ? bucketEdges(held.range[0], end, held.width)
    : edges.subarray(0, bucketAt(edges, last) + 2)
  return {
    ...held,
    range: [held.range[0], end],
    truncated,
    series: grown.map((item) => (points || tails.has(item.run) ? { ...item, edges: used } : item)),
  }
}

/** How far a series surely reaches: its last point, or where its last bucket begins. */
function knownEnd(series: Series): number {
  const last = lastX(series)
  return series.exact ? last : (series.edges[bucketAt(series.edges, last)] ?? last)
}

/** Whether the set shows every point: then there are no buckets to fit into. */
function inPoints(held: SeriesSet, request: SeriesRequest): boolean {
  return request.max === null && held.series.every(({ exact }) => exact)
}

function joinedEdges(held: Float64Array, bucket: number, tail: Float64Array): Float64Array {
  const edges = new Float64Array(bucket + tail.length)
  edges.set(held.subarray(0, bucket))
  edges.set(tail, bucket)
  return edges
}

/** Data in the last two buckets may be followed by more that was not asked for. */
function reachesEnd(answer: SeriesSet, edges: Float64Array): boolean {
  const near = edges[Math.max(0, edges.length - 3)] ?? 0
  return answer.series.some((series) => lastX(series) >= near)
}

/** x of the last point or bucket, finite or not. */
function lastX({ x, nan, posInf, negInf }: Series): number {
  const marks = [nan, posInf, negInf].map((list) => list.at(-1)?.[1] ?? Number.NEGATIVE_INFINITY)
  return Math.max(x[x.length - 1] ?? Number.NEGATIVE_INFINITY, ...marks)
}

/** The first bucket that the next points of these series may go to; no mark begins before it and reaches into it. */
function openBucket(series: readonly Series[], edges: Float64Array, open: number): number {
  let bucket = bucketAt(edges, open)
  for (;;) {
    const edge = edges[bucket] ?? 0
    const before = Math.min(...series.map((item) => uncrossed(item, edge)))
    if (before >= edge || bucket === 0) return bucket
    bucket = bucketAt(edges, before)
  }
}

/** `x`, or where the mark begins that it would cut in two. */
function uncrossed(series: Series, x: number): number {
  let at = x
  for (const [first, last] of allMarks(series)) if (first < at && last >= at) at = first
  return at
}

function allMarks({ nan, posInf, negInf }: Series): readonly Mark[] {
  return [...nan, ...posInf, ...negInf]
}

/** The last bucket that begins at or before `x`. */
function bucketAt(edges: Float64Array, x: number): number {
  let low = 0
  let high = edges.length - 2
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((edges[middle] ?? 0) <= x) low = middle
    else high = middle - 1
  }
  return low
}

/** x columns by what they were joined from: series that shared one go on sharing it, which makes painting cheaper. */
class SharedX {
  readonly #known = new Map<Float64Array, { cut: number; tail: Float64Array; x: Float64Array }[]>()

  join(head: Float64Array, cut: number, tail: Float64Array): Float64Array {
    const candidates = this.#known.get(head) ?? []
    const found = candidates.find((one) => one.cut === cut && areEqual(one.tail, tail))
    if (found) return found.x
    const x = new Float64Array(cut + tail.length)
    x.set(head.subarray(0, cut))
    x.set(tail, cut)
    this.#known.set(head, [...candidates, { cut, tail, x }])
    return x
  }
}

function areEqual(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

function join(
  old: Series,
  tail: Series,
  from: number,
  edges: Float64Array,
  mostPoints: number,
  xs: SharedX,
): Series {
  const exact = old.exact && tail.exact && firstFrom(old, from) + tail.x.length <= mostPoints
  const head = old.exact && !exact ? inBuckets(old, edges) : old
  const next = tail.exact && !exact ? inBuckets(tail, edges) : tail
  const cut = firstFrom(head, from)
  const mean = joined(head.mean, cut, next.mean)
  const marks = (before: readonly Mark[], after: readonly Mark[]): Mark[] => [
    ...before.filter(([first]) => first < from),
    ...after,
  ]
  const known = new Set(tail.damaged.map(({ object }) => object))
  return {
    ...next,
    edges,
    points: old.points - pointsFrom(old, from) + tail.points,
    exact,
    x: xs.join(head.x, cut, next.x),
    mean,
    min: exact ? mean : joined(head.min, cut, next.min),
    max: exact ? mean : joined(head.max, cut, next.max),
    count: exact ? null : joinedCounts(head.count, cut, next.count),
    nan: marks(old.nan, tail.nan),
    posInf: marks(old.posInf, tail.posInf),
    negInf: marks(old.negInf, tail.negInf),
    damaged: [...old.damaged.filter(({ object }) => !known.has(object)), ...tail.damaged],
  }
}

/** Index of the first point or bucket at or after `x`. */
function firstFrom(series: Series, x: number): number {
  let index = series.x.length
  while (index > 0 && (series.x[index - 1] ?? 0) >= x) index--
  return index
}

/** Points at or after a place that no mark crosses. */
function pointsFrom(series: Series, x: number): number {
  const from = firstFrom(series, x)
  if (series.count === null) return series.x.length - from
  let points = 0
  for (let i = from; i < series.count.length; i++) points += series.count[i] ?? 0
  for (const [first, , size] of allMarks(series)) if (first >= x) points += size
  return points
}

function joined(head: Column, cut: number, tail: Column): Column {
  const size = cut + tail.length
  if (head instanceof Float32Array && tail instanceof Float32Array) {
    const column = new Float32Array(size)
    column.set(head.subarray(0, cut))
    column.set(tail, cut)
    return column
  }
  const column = new Float64Array(size)
  // Single precision keeps its own digits in double precision.
  for (let i = 0; i < cut; i++) column[i] = valueOf(head, i)
  for (let i = 0; i < tail.length; i++) column[cut + i] = valueOf(tail, i)
  return column
}

function joinedCounts(head: Counts | null, cut: number, tail: Counts | null): Counts {
  const counts = new Float64Array(cut + (tail?.length ?? 0))
  if (head) counts.set(head.subarray(0, cut))
  if (tail) counts.set(tail, cut)
  return counts
}

/** The points of an exact series put into buckets, as the server does. */
function inBuckets(series: Series, edges: Float64Array): Series {
  const x: number[] = []
  const mean: number[] = []
  const min: number[] = []
  const max: number[] = []
  const count: number[] = []
  let open = -1
  for (let i = 0; i < series.x.length; i++) {
    const bucket = bucketAt(edges, series.x[i] ?? 0)
    if (bucket !== open) {
      open = bucket
      x.push((edges[bucket] ?? 0) * 0.5 + (edges[bucket + 1] ?? 0) * 0.5)
      mean.push(Number.NaN)
      min.push(Number.NaN)
      max.push(Number.NaN)
      count.push(0)
    }
    const value = series.mean[i] ?? Number.NaN
    if (Number.isNaN(value)) continue
    const at = x.length - 1
    const size = count[at] ?? 0
    const before = mean[at] ?? 0
    count[at] = size + 1
    mean[at] = size === 0 ? value : before + (value - before) / (size + 1)
    min[at] = size === 0 ? value : Math.min(min[at] ?? value, value)
    max[at] = size === 0 ? value : Math.max(max[at] ?? value, value)
  }
  return {
    ...series,
    exact: false,
    x: Float64Array.from(x),
    mean: Float64Array.from(mean),
    min: Float64Array.from(min),
    max: Float64Array.from(max),
    count: Float64Array.from(count),
  }
}
