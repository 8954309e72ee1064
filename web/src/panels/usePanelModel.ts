/** From series to what the chart draws: ranges, smoothing, order of lines. */

import { useMemo, useRef } from 'react'
import { grownRange, keptRange, yRange, type YRange } from '../core/ranges'
import type { Series, SeriesSet } from '../core/series'
import type { DamagedRange, Mark } from '../core/types'
import type { Range, WorkspaceView, XKind } from '../core/view'
import { toLine, type ChartLine, type ChartModel } from '../charts/model'
import type { PanelRun } from './context'
import type { NonFinite } from './words'

export interface PanelModel {
  model: ChartModel
  /** Points of the drawn runs in the shown range. */
  points: number
  /** What their range was divided into; null when every point is shown. */
  buckets: number | null
  /** Runs with values that are no numbers in the shown range. */
  nonFinite: readonly NonFiniteRun[]
  damaged: readonly DamagedRun[]
  truncated: boolean
}

export interface NonFiniteRun extends NonFinite {
  run: PanelRun
  firstX: number
}

export interface DamagedRun {
  run: PanelRun
  ranges: readonly DamagedRange[]
}

interface Shown {
  key: string
  x: Range | null
  y: YRange | null
  /** Of data that were asked for with this range, and not of older ones stretched to it. */
  settled: boolean
}

interface Inputs {
  metric: string
  runs: readonly PanelRun[]
  data: SeriesSet | undefined
  view: WorkspaceView
  xKind: XKind
  /** Zoomed x range. */
  xr: Range | null
  /** The pointer is on the panel while data arrive. */
  held: boolean
  /** The data were asked for with another range. */
  provisional: boolean
}

export function usePanelModel({
  metric,
  runs,
  data,
  view,
  xKind,
  xr,
  held,
  provisional,
}: Inputs): PanelModel | null {
  const shown = useRef<Shown>({ key: '', x: null, y: null, settled: false })
  const { log, sm } = view
  const yZoom = view.yr.get(metric) ?? null
  const full = view.full.has(metric) || view.full.has('*')

  return useMemo(() => {
    if (!data || data.x !== xKind) return null
    const byRun = new Map(data.series.map((series) => [series.run, series]))
    const present = runs.filter((run) => byRun.has(run.id))
    const range = xr ?? extent(data, present)
    if (!range) return null
    const key = JSON.stringify([xKind, log, full, xr, present.map((run) => run.id)])
    const previous = shown.current.key === key ? shown.current : { key, x: null, y: null, settled: false }
    // Under the pointer nothing rescales; elsewhere the axis grows in steps while data arrive.
    const xRange = xr ?? (held && previous.x ? previous.x : grownRange(previous.x, range))
    const lines: ChartLine[] = []
    for (const run of present) {
      const series = byRun.get(run.id)
      if (series)
        lines.push(toLine({ id: run.id, run: run.id, name: run.name, color: run.color }, series, sm, xRange))
    }
    const drawn = lines.map((line) => line.series)
    const options = { log, full: full ? true : null, ...(xr ? { xRange: xr } : {}) }
    const fresh = yRange(drawn, options)
    const before = previous.settled ? previous.y : null
    const y =
      held && previous.y
        ? previous.y
        : before
          ? keptRange(before, fresh, drawn, options)
          : (fresh ?? emptyRange(log))
    shown.current = { key, x: xRange, y, settled: !provisional }
    return {
      model: { lines, xKind, xRange, y, yZoom, log, smoothing: sm },
      points: drawn.reduce((sum, series) => sum + series.points, 0),
      buckets: drawn.some((series) => !series.exact) ? data.width : null,
      nonFinite: present.flatMap((run) => nonFiniteOf(run, byRun.get(run.id))),
      damaged: damagedRuns(data, present),
      truncated: data.truncated,
    }
  }, [data, runs, xKind, xr, log, sm, yZoom, full, held, provisional])
}

function nonFiniteOf(run: PanelRun, series: Series | undefined): NonFiniteRun[] {
  if (!series) return []
  const { nan, posInf, negInf } = series
  const firsts = [nan, posInf, negInf].flatMap(([first]) => (first ? [first[0]] : []))
  if (firsts.length === 0) return []
  const count = (marks: readonly Mark[]): number => marks.reduce((sum, mark) => sum + mark[2], 0)
  return [{ run, firstX: Math.min(...firsts), nan: count(nan), posInf: count(posInf), negInf: count(negInf) }]
}

/** Which of these runs could not be read in part. */
export function damagedRuns(data: SeriesSet, runs: readonly PanelRun[]): DamagedRun[] {
  const byRun = new Map(data.series.map((series) => [series.run, series.damaged]))
  return runs.flatMap((run) => {
    const ranges = byRun.get(run.id) ?? []
    return ranges.length > 0 ? [{ run, ranges }] : []
  })
}

/** The x range of the drawn runs; hidden ones do not widen it. */
function extent(data: SeriesSet, runs: readonly PanelRun[]): Range | null {
  const wanted = new Set(runs.map((run) => run.id))
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const series of data.series) {
    if (!wanted.has(series.run)) continue
    const first = series.x[0]
    const last = series.x[series.x.length - 1]
    if (first !== undefined && first < low) low = first
    if (last !== undefined && last > high) high = last
    for (const marks of [series.nan, series.posInf, series.negInf]) {
      for (const [from, to] of marks) {
        low = Math.min(low, from)
        high = Math.max(high, to)
      }
    }
  }
  if (data.range) {
    // Buckets stand for their middles; the exact bounds are the answer's own.
    const whole = runs.length === data.series.length
    low = whole ? data.range[0] : Math.max(low, data.range[0])
    high = whole ? data.range[1] : Math.min(high, data.range[1])
  }
  if (low > high) return null
  // A single point gets room around it, but no steps or seconds below 0.
  return low === high ? [low >= 0 ? Math.max(0, low - 0.5) : low - 0.5, high + 0.5] : [low, high]
}

function emptyRange(log: boolean): YRange {
  const [min, max] = log ? [0.1, 10] : [0, 1]
  return { min, max, above: 0, below: 0, robust: false, notPositive: 0 }
}
