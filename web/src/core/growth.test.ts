import { describe, expect, test } from 'vitest'
import { grow, growthOf } from './growth'
import { bucketEdges, type Series, type SeriesSet } from './series'
import type { Mark, SeriesRequest } from './types'

type Point = readonly [x: number, value: number]

/** What the server answers, written as plainly as can be. */
function answer(
  runs: ReadonlyMap<string, readonly Point[]>,
  { min, max, width }: Pick<SeriesRequest, 'min' | 'max' | 'width'>,
  only: readonly string[] = [...runs.keys()],
): SeriesSet {
  const inside = only
    .map((run) => {
      const points = (runs.get(run) ?? []).filter(
        ([x]) => (min === null || x >= min) && (max === null || x <= max),
      )
      return { run, points }
    })
    .filter(({ run }) => (runs.get(run)?.length ?? 0) > 0)
  const xs = inside.flatMap(({ points }) => points.map(([x]) => x))
  const low = min ?? Math.min(...xs)
  const high = max ?? Math.max(...xs)
  const edges = bucketEdges(low, high, width)
  return {
    x: 'step',
    range: [low, high],
    width,
    truncated: false,
    series: inside.map(({ run, points }) => seriesOf(run, points, edges)),
  }
}

function bucketOf(x: number, edges: Float64Array): number {
  let bucket = edges.length - 2
  while (bucket > 0 && (edges[bucket] ?? 0) > x) bucket--
  return bucket
}

function seriesOf(run: string, points: readonly Point[], edges: Float64Array): Series {
  const exact = points.length <= edges.length - 1
  const groups = new Map<number, Point[]>()
  for (const [index, point] of points.entries()) {
    const key = exact ? index : bucketOf(point[0], edges)
    groups.set(key, [...(groups.get(key) ?? []), point])
  }
  const columns = [...groups].map(([key, members]) => {
    const finite = members.map(([, value]) => value).filter(Number.isFinite)
    const some = finite.length > 0
    return {
      x: exact ? (members[0]?.[0] ?? 0) : ((edges[key] ?? 0) + (edges[key + 1] ?? 0)) / 2,
      mean: some ? finite.reduce((a, b) => a + b, 0) / finite.length : Number.NaN,
      min: some ? Math.min(...finite) : Number.NaN,
      max: some ? Math.max(...finite) : Number.NaN,
      count: finite.length,
    }
  })
  const column = (name: 'x' | 'mean' | 'min' | 'max' | 'count'): Float64Array =>
    Float64Array.from(columns, (one) => one[name])
  const marks = (is: (value: number) => boolean): Mark[] => {
    const found: Mark[] = []
    let previous = -1
    for (const [index, [x, value]] of points.entries()) {
      if (!is(value)) continue
      const last = found.at(-1)
      const near = previous >= 0 ? points[previous] : undefined
      const joins =
        last !== undefined &&
        near !== undefined &&
        (index === previous + 1 || (!exact && bucketOf(near[0], edges) === bucketOf(x, edges)))
      if (joins) {
        last[1] = x
        last[2]++
      } else found.push([x, x, 1])
      previous = index
    }
    return found
  }
  return {
    run,
    metric: 'loss',
    points: points.length,
    exact,
    x: column('x'),
    mean: column('mean'),
    min: column('min'),
    max: column('max'),
    count: exact ? null : column('count'),
    nan: marks(Number.isNaN),
    posInf: marks((value) => value === Number.POSITIVE_INFINITY),
    negInf: marks((value) => value === Number.NEGATIVE_INFINITY),
    last: points.at(-1)?.[1] ?? null,
    edges,
    damaged: [],
  }
}

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function request(changes: Partial<SeriesRequest> = {}): SeriesRequest {
  return {
    runs: ['a', 'b'],
    metrics: ['loss'],
    stream: 'history',
    x: 'step',
    min: null,
    max: null,
    width: 20,
    ...changes,
  }
}

/**
 * Every bucket of a grown set says what the raw points in it say, and no point is lost or counted twice.
 *
 * @param closedAt The end of the buckets when everything was read: a point right there was in the last bucket, and
 *   stays in it until its run is read again.
 */
function expectExact(
  set: SeriesSet,
  runs: ReadonlyMap<string, readonly Point[]>,
  asked: SeriesRequest,
  closedAt: number,
): void {
  for (const series of set.series) {
    const { edges } = series
    const points = (runs.get(series.run) ?? []).filter(
      ([x]) => (asked.min === null || x >= asked.min) && (asked.max === null || x <= asked.max),
    )
    expect(series.points).toBe(points.length)
    const count = (marks: readonly Mark[]): number => marks.reduce((sum, [, , size]) => sum + size, 0)
    expect(count(series.nan)).toBe(points.filter(([, value]) => Number.isNaN(value)).length)
    expect(count(series.posInf)).toBe(points.filter(([, value]) => value === Infinity).length)
    if (series.exact) {
      expect([...series.x]).toEqual(points.map(([x]) => x))
      expect([...series.mean]).toEqual(
        points.map(([, value]) => (Number.isFinite(value) ? value : Number.NaN)),
      )
      continue
    }
    const said = Array.from(series.x, (x, i) => ({
      bucket: bucketOf(x, edges),
      count: series.count?.[i],
      min: series.min[i],
      max: series.max[i],
      mean: series.mean[i]?.toFixed(9),
    }))
    const opened = grouped(points, (x) => bucketOf(x, edges))
    const closed = grouped(points, (x) => bucketOf(x, edges) - (x === closedAt ? 1 : 0))
    expect([opened, closed]).toContainEqual(said)
  }
}

function grouped(points: readonly Point[], bucketOfX: (x: number) => number) {
  const byBucket = new Map<number, number[]>()
  for (const [x, value] of points) {
    const members = byBucket.get(bucketOfX(x)) ?? []
    byBucket.set(bucketOfX(x), Number.isFinite(value) ? [...members, value] : members)
  }
  return [...byBucket]
    .sort(([a], [b]) => a - b)
    .map(([bucket, values]) => ({
      bucket,
      count: values.length,
      min: values.length > 0 ? Math.min(...values) : Number.NaN,
      max: values.length > 0 ? Math.max(...values) : Number.NaN,
      mean: (values.reduce((a, b) => a + b, 0) / values.length).toFixed(9),
    }))
}

describe('a series that grows', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'is what reading it at once would give (seed %i)',
    (seed) => {
      const next = random(seed)
      const runs = new Map<string, Point[]>([
        ['a', []],
        ['b', []],
      ])
      const zoom = seed % 3 === 0 ? { min: 5, max: 60 } : { min: null, max: null }
      const asked = request({
        ...zoom,
        width: 5 + Math.floor(next() * 30),
        x: seed % 2 === 0 ? 'step' : 'time',
      })
      const log = (run: string, count: number): void => {
        const points = runs.get(run) ?? []
        let x = points.at(-1)?.[0] ?? 0
        for (let i = 0; i < count; i++) {
          x += seed % 2 === 0 ? 1 + Math.floor(next() * 2) : next() * 2 + 0.01
          const kind = next()
          points.push([x, kind < 0.05 ? Number.NaN : kind < 0.07 ? Infinity : next() * 10 - 5])
        }
        if (next() < 0.2) for (let i = 0; i < 5; i++) points.push([(x += 1), Number.NaN])
      }
      log('a', 3 + Math.floor(next() * 40))
      log('b', 3 + Math.floor(next() * 40))
      let held = answer(runs, asked)
      let closedAt = held.range?.[1] ?? 0
      let grown = 0
      for (let round = 0; round < 40; round++) {
        // Then one of the runs ends.
        const live = new Set(round < 20 ? ['a', 'b'] : ['a'])
        for (const run of live) if (next() < 0.7) log(run, Math.floor(next() * 6))
        const lastStep = Math.max(...[...live].map((run) => runs.get(run)?.at(-1)?.[0] ?? 0))
        const growth = growthOf(held, asked, live, seed % 2 === 0 ? lastStep : null)
        const merged = growth && grow(held, asked, growth, answer(runs, growth, growth.runs))
        if (merged) grown++
        held = merged ?? answer(runs, asked)
        if (!merged) closedAt = held.range?.[1] ?? 0
        expectExact(held, runs, asked, closedAt)
      }
      expect(grown).toBeGreaterThan(15)
    },
  )

  const line = (count: number): Point[] => Array.from({ length: count }, (_, i) => [i, i / 7] as const)

  test('asks for the live runs only, from their last bucket on', () => {
    const runs = new Map([
      ['a', line(1000)],
      ['b', line(1000)],
    ])
    const held = answer(runs, request())
    expect(growthOf(held, request(), new Set(['b']), 1002)).toEqual({
      runs: ['b'],
      min: held.series[1]?.edges[19],
      max: expect.any(Number) as number,
      width: 5,
      bucket: 19,
    })
  })

  test('asks for the points that follow, while every point is shown', () => {
    const held = answer(new Map([['a', line(5)]]), request())
    expect(growthOf(held, request(), new Set(['a']), 9)).toMatchObject({ min: 4, max: null })
  })

  test('a zoomed panel asks for no more than its range', () => {
    const zoomed = request({ min: 900, max: 2000 })
    const held = answer(new Map([['a', line(1000)]]), zoomed)
    expect(growthOf(held, zoomed, new Set(['a']), 1500)).toMatchObject({ max: 2000, width: 19 })
  })

  test('reads everything again where that is the only way', () => {
    const held = answer(new Map([['a', line(1000)]]), request())
    const other = request({ x: 'metric:epoch' })
    expect(growthOf(held, other, new Set(['a']), 1000)).toBeNull()
    expect(growthOf(held, request(), new Set(['unknown']), 1000)).toBeNull()
    expect(growthOf(held, request(), new Set(['a']), 1_000_000)).toBeNull()
  })

  test('a run that was rewound is read again', () => {
    const held = answer(new Map([['a', line(1000)]]), request())
    const growth = growthOf(held, request(), new Set(['a']), 1000)
    if (!growth) throw new Error('no growth')
    const rewound = { ...answer(new Map([['a', line(10)]]), growth), series: [] }
    expect(grow(held, request(), growth, rewound)).toBeNull()
  })

  test('lines of one x column go on sharing it', () => {
    const runs = new Map([
      ['a', line(1000)],
      ['b', line(1000)],
    ])
    const held = answer(runs, request())
    const x = held.series[0]?.x ?? new Float64Array(0)
    const shared = { ...held, series: held.series.map((series) => ({ ...series, x })) }
    const growth = growthOf(shared, request(), new Set(['a', 'b']), 1003)
    if (!growth) throw new Error('no growth')
    const more = new Map([
      ['a', line(1004)],
      ['b', line(1004)],
    ])
    const grown = grow(shared, request(), growth, answer(more, growth))
    expect(grown?.series[0]?.x).toBe(grown?.series[1]?.x)
  })
})
