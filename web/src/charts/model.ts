/** What a line chart draws: lines of one panel on shared axes, and the mapping from values to pixels. */

import type { YRange } from '../core/ranges'
import type { Column, Series } from '../core/series'
import { smooth } from '../core/smooth'
import type { Range, XKind } from '../core/view'

export interface ChartLine {
  /** Unique in the chart. */
  id: string
  run: string
  name: string
  /** Palette slot. */
  color: number
  series: Series
  /** What the line shows: the bucket means, or those smoothed. */
  y: Column
}

export interface ChartModel {
  lines: readonly ChartLine[]
  xKind: XKind
  xRange: Range
  /** The y range of the data; `yZoom` overrides what is shown. */
  y: YRange
  yZoom: Range | null
  log: boolean
  /** 0 is off. */
  smoothing: number
}

/** A plot area in CSS pixels with its scales. */
export interface Frame {
  width: number
  height: number
  /** Device pixels per CSS pixel. */
  ratio: number
  toX: (value: number) => number
  toY: (value: number) => number
  fromX: (pixel: number) => number
  fromY: (pixel: number) => number
}

/** Above this number of lines the bands of all but the highlighted one become one neutral envelope. */
export const OWN_BANDS = 8
/** Above this number of lines strokes are 1 px. */
const THICK_LINES = 20

export function toLine(
  identity: Omit<ChartLine, 'y' | 'series'>,
  series: Series,
  smoothing: number,
  xRange: Range,
): ChartLine {
  return { ...identity, series, y: smooth(series.x, series.mean, smoothing, xRange[1] - xRange[0]) }
}

export function shownY(model: ChartModel): Range {
  return model.yZoom ?? [model.y.min, model.y.max]
}

export function strokeWidth(lines: number): number {
  return lines > THICK_LINES ? 1 : 1.5
}

export function hasBands(model: ChartModel): boolean {
  return model.lines.some((line) => !line.series.exact)
}

export function toFrame(model: ChartModel, width: number, height: number, ratio = 1): Frame {
  const [x0, x1] = model.xRange
  const [y0, y1] = shownY(model)
  const kx = width / (x1 - x0 || 1)
  const forward = model.log ? (value: number) => (value > 0 ? Math.log10(value) : Number.NaN) : identity
  const backward = model.log ? (value: number) => 10 ** value : identity
  const low = forward(y0)
  const ky = height / (forward(y1) - low || 1)
  return {
    width,
    height,
    ratio,
    toX: (value) => (value - x0) * kx,
    toY: (value) => height - (forward(value) - low) * ky,
    fromX: (pixel) => x0 + pixel / kx,
    fromY: (pixel) => backward(low + (height - pixel) / ky),
  }
}

function identity(value: number): number {
  return value
}
