/** Painting lines, min–max bands and rails of marks. Lines and bands are pixels of ours, marks are the canvas's. */

import { gapsOf, type Column, type Series } from '../core/series'
import type { DamagedRange, Mark } from '../core/types'
import type { HitMap } from './hit'
import { hasBands, OWN_BANDS, strokeWidth, type ChartLine, type ChartModel, type Frame } from './model'
import {
  emptySpans,
  fillBand,
  fillStrokes,
  toAxis,
  traceBand,
  traceStroke,
  type Bitmap,
  type PixelAxis,
  type Spans,
  type Stroke,
} from './raster'
import { runColor, toRgb, type ChartTheme } from './theme'

type Context = CanvasRenderingContext2D

const HIGHLIGHT_WIDTH = 2.5
const RAW_ALPHA = 0.25
const ENVELOPE_ALPHA = 0.1
/** Radius of a point without neighbours, px. */
const DOT = 2
/** Middle of a rail, px from the plot's edge. */
const RAIL = 5

/**
 * Everything of a chart that hovering does not change.
 *
 * @param used What the last painting answered; its memory is used again.
 * @returns Where the lines are.
 */
export function paintLines(
  context: Context,
  model: ChartModel,
  frame: Frame,
  theme: ChartTheme,
  used: HitMap = [],
): HitMap {
  const { lines } = model
  const { bitmap, image } = blank(context.canvas)
  const width = strokeWidth(lines.length)
  const axes = new Axes(frame, width * frame.ratio)
  if (lines.length > OWN_BANDS) {
    if (hasBands(model)) paintEnvelope(bitmap, lines, axes, theme)
  } else {
    for (const line of lines) paintBand(bitmap, line, axes, theme)
  }
  const traced = lines.map((line, index) => traceLine(line, axes, theme, width, used[index]?.spans))
  fillStrokes(
    bitmap,
    traced.flatMap(({ strokes }) => strokes),
  )
  context.putImageData(image, 0, 0)
  for (const line of lines) paintMarks(context, line, model, frame, theme)
  paintDamage(context, damageOf(model), frame, theme)
  return traced
}

/** One line on top of the dimmed others, with its own band. */
export function paintHighlight(
  context: Context,
  line: ChartLine,
  model: ChartModel,
  frame: Frame,
  theme: ChartTheme,
): void {
  const { bitmap, image } = blank(context.canvas)
  const axes = new Axes(frame, HIGHLIGHT_WIDTH * frame.ratio)
  paintBand(bitmap, line, axes, theme)
  fillStrokes(bitmap, traceLine(line, axes, theme, HIGHLIGHT_WIDTH).strokes)
  context.putImageData(image, 0, 0)
  paintMarks(context, line, model, frame, theme)
}

interface Traced {
  line: ChartLine
  /** What the line shows, smoothed or not. */
  spans: Spans
  strokes: readonly Stroke[]
}

function traceLine(line: ChartLine, axes: Axes, theme: ChartTheme, width: number, used?: Spans): Traced {
  const { frame } = axes
  const { mean } = line.series
  const color = toRgb(runColor(theme, line.color))
  const strokeOf = (values: Column, pixels: number, alpha: number, memory?: Spans): Stroke => {
    const spans = emptySpans(deviceColumns(frame), memory)
    const axis = axes.of(line.series)
    traceStroke(axis.pixels, axes.rows(axis, values, rows), DOT * frame.ratio, spans)
    return { spans, color, thickness: pixels * frame.ratio, alpha }
  }
  const main = strokeOf(line.y, width, 1, used)
  const raw = line.y === mean ? [] : [strokeOf(mean, Math.min(width, 1), RAW_ALPHA)]
  return { line, spans: main.spans, strokes: [...raw, main] }
}

function paintBand(bitmap: Bitmap, line: ChartLine, axes: Axes, theme: ChartTheme): void {
  const { series } = line
  if (series.exact) return
  const spans = emptySpans(bitmap.width)
  addBand(axes, series, series.min, series.max, spans)
  // A band no higher than a pixel lies under its line.
  fillBand(bitmap, spans, toRgb(runColor(theme, line.color)), theme.band, axes.frame.ratio)
}

/** From the lowest minimum to the highest maximum of all lines. */
function paintEnvelope(bitmap: Bitmap, lines: readonly ChartLine[], axes: Axes, theme: ChartTheme): void {
  const byX = new Map<Float64Array, Series[]>()
  for (const { series } of lines) {
    if (series.exact) continue
    const same = byX.get(series.x)
    if (same) same.push(series)
    else byX.set(series.x, [series])
  }
  const spans = emptySpans(bitmap.width)
  for (const [x, group] of byX) {
    const [first] = group
    if (!first) continue
    // Bucket by bucket before it comes to pixels: all series of a group have the same buckets.
    const min = new Float64Array(x.length).fill(Number.POSITIVE_INFINITY)
    const max = new Float64Array(x.length).fill(Number.NEGATIVE_INFINITY)
    for (const series of group) {
      for (let i = 0; i < x.length; i++) {
        const low = series.min[i] as number
        const high = series.max[i] as number
        if (low < (min[i] as number)) min[i] = low
        if (high > (max[i] as number)) max[i] = high
      }
    }
    for (let i = 0; i < x.length; i++) {
      if ((max[i] as number) < (min[i] as number)) min[i] = max[i] = Number.NaN
    }
    addBand(axes, first, min, max, spans)
  }
  fillBand(bitmap, spans, toRgb(theme.text3), ENVELOPE_ALPHA, 0)
}

function addBand(axes: Axes, series: Series, min: Column, max: Column, spans: Spans): void {
  const axis = axes.of(series)
  const upper = axes.rows(axis, max, rows)
  const lower = axes.rows(axis, min, lowerRows)
  const edge = axes.frame.height * axes.frame.ratio
  for (let i = 0; i < axis.pixels.x.length; i++) {
    // What a log axis cannot show reaches beyond the plot, unless the bucket holds nothing.
    if (Number.isNaN(lower[i]) && !Number.isNaN(upper[i])) lower[i] = edge
  }
  traceBand(axis.pixels, upper, lower, spans)
}

interface Axis {
  /** Index of the first visible point. */
  from: number
  /** Of the visible points. */
  pixels: PixelAxis
}

/** Values of lines as device pixels, with what lines of the same x share. */
class Axes {
  readonly frame: Frame
  readonly #thickness: number
  readonly #points = new Map<Float64Array, Axis>()
  readonly #buckets = new Map<Float64Array, Axis>()

  constructor(frame: Frame, thickness: number) {
    this.frame = frame
    this.#thickness = thickness
  }

  of(series: Series): Axis {
    // Points are joined over any distance, buckets are not.
    const byX = series.exact ? this.#points : this.#buckets
    const known = byX.get(series.x)
    if (known) return known
    const { frame } = this
    const [from, to] = visibleSpan(series.x, frame)
    const x = new Float32Array(to - from)
    for (let i = 0; i < x.length; i++) x[i] = frame.toX(series.x[from + i] as number) * frame.ratio
    const breaks = gapsOf(series)?.subarray(from, to) ?? null
    const axis = { from, pixels: toAxis(x, breaks, this.#thickness, deviceColumns(frame)) }
    byX.set(series.x, axis)
    return axis
  }

  /** The rows of values; they stand in `memory` until it is used again. */
  rows({ from, pixels }: Axis, values: Column, memory: Memory): Float32Array {
    const { frame } = this
    const length = pixels.x.length
    if (memory.rows.length < length) memory.rows = new Float32Array(length * 2)
    const { rows: found } = memory
    const { ratio } = frame
    for (let i = 0; i < length; i++) {
      const y = frame.toY(values[from + i] as number) * ratio
      // Infinite pixels would make the slopes between them no numbers.
      found[i] = y > FAR ? FAR : y < -FAR ? -FAR : y
    }
    return found
  }
}

interface Memory {
  rows: Float32Array
}

// Used again from line to line: rows are needed only until they are traced.
const rows: Memory = { rows: new Float32Array(0) }
const lowerRows: Memory = { rows: new Float32Array(0) }

const FAR = 1e7

/** Indices of the points inside the frame, with one more on each side. */
function visibleSpan(x: Float64Array, frame: Frame): [number, number] {
  const from = firstAtLeast(x, frame.fromX(0))
  const to = firstAtLeast(x, frame.fromX(frame.width))
  return [Math.max(0, from - 1), Math.min(x.length, to + 2)]
}

function firstAtLeast(x: Float64Array, bound: number): number {
  let low = 0
  let high = x.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((x[middle] as number) < bound) low = middle + 1
    else high = middle
  }
  return low
}

function deviceColumns(frame: Frame): number {
  return Math.max(1, Math.round(frame.width * frame.ratio))
}

let memory = new ArrayBuffer(0)

/** An empty bitmap of a canvas's size; all paintings share its memory, one at a time. */
function blank({ width, height }: HTMLCanvasElement): { bitmap: Bitmap; image: ImageData } {
  const size = width * height * 4
  if (memory.byteLength < size) memory = new ArrayBuffer(size)
  const pixels = new Uint32Array(memory, 0, width * height).fill(0)
  const image = new ImageData(new Uint8ClampedArray(memory, 0, size), width, height)
  return { bitmap: { pixels, width, height }, image }
}

/** NaN on the bottom rail; infinite and clipped values on the rail of their side. */
function paintMarks(
  context: Context,
  line: ChartLine,
  model: ChartModel,
  frame: Frame,
  theme: ChartTheme,
): void {
  const { series } = line
  context.fillStyle = context.strokeStyle = runColor(theme, line.color)
  for (const mark of series.posInf) paintTriangles(context, mark, RAIL, -1, frame)
  for (const mark of series.negInf) paintTriangles(context, mark, frame.height - RAIL, 1, frame)
  for (const mark of series.nan) paintCross(context, mark, frame)
  if (!model.y.robust || model.yZoom) return
  const [from, to] = visibleSpan(series.x, frame)
  for (let i = from; i < to; i++) {
    const above = (series.max[i] as number) > model.y.max
    const below = (series.min[i] as number) < model.y.min
    if (!above && !below) continue
    const x = frame.toX(series.x[i] as number)
    if (above) paintTriangle(context, x, RAIL, -1)
    if (below) paintTriangle(context, x, frame.height - RAIL, 1)
  }
}

function paintCross(context: Context, [first, last]: Mark, frame: Frame): void {
  const y = frame.height - RAIL
  const x0 = frame.toX(first)
  const x1 = Math.min(frame.width, frame.toX(last))
  if (x1 < 0 || x0 > frame.width) return
  context.lineWidth = 1.5
  if (x1 - x0 > 7) {
    context.globalAlpha = 0.5
    context.fillRect(x0, y - 1, x1 - x0, 2)
    context.globalAlpha = 1
  }
  const x = Math.max(3, Math.min(frame.width - 3, x0))
  context.beginPath()
  context.moveTo(x - 3, y - 3)
  context.lineTo(x + 3, y + 3)
  context.moveTo(x + 3, y - 3)
  context.lineTo(x - 3, y + 3)
  context.stroke()
}

function paintTriangles(context: Context, [first, last]: Mark, y: number, way: 1 | -1, frame: Frame): void {
  const x0 = frame.toX(first)
  const x1 = Math.min(frame.width, frame.toX(last))
  if (x1 < 0 || x0 > frame.width) return
  if (x1 - x0 > 9) {
    context.globalAlpha = 0.5
    context.fillRect(x0, y - 1, x1 - x0, 2)
    context.globalAlpha = 1
  }
  paintTriangle(context, Math.max(4, Math.min(frame.width - 4, x0)), y, way)
}

function paintTriangle(context: Context, x: number, y: number, way: 1 | -1): void {
  context.beginPath()
  context.moveTo(x - 4, y - 3.5 * way)
  context.lineTo(x + 4, y - 3.5 * way)
  context.lineTo(x, y + 3.5 * way)
  context.closePath()
  context.fill()
}

export interface NamedDamage extends DamagedRange {
  /** Of the run. */
  name: string
}

/** Damaged ranges of a chart over steps; on other axes their place is not known. */
export function damageOf(model: ChartModel): readonly NamedDamage[] {
  if (model.xKind !== 'step') return []
  return model.lines.flatMap(({ series, name }) => series.damaged.map((range) => ({ ...range, name })))
}

const HATCH = 8

/** Hatched from top to bottom, at least so wide that it is seen. */
function paintDamage(
  context: Context,
  damaged: readonly DamagedRange[],
  frame: Frame,
  theme: ChartTheme,
): void {
  if (damaged.length === 0) return
  context.save()
  context.strokeStyle = context.fillStyle = theme.warn
  context.beginPath()
  for (const { first_step: first, last_step: last } of damaged) {
    const [x0, x1] = damagedPixels(first, last, frame)
    if (x1 > 0 && x0 < frame.width) context.rect(x0, 0, x1 - x0, frame.height)
  }
  context.globalAlpha = 0.08
  context.fill()
  context.clip()
  context.globalAlpha = 0.5
  context.lineWidth = 1
  context.beginPath()
  for (let x = -frame.height; x < frame.width; x += HATCH) {
    context.moveTo(x, frame.height)
    context.lineTo(x + frame.height, 0)
  }
  context.stroke()
  context.restore()
}

/** Left and right edge of a damaged range, px. */
export function damagedPixels(firstStep: number, lastStep: number, frame: Frame): [number, number] {
  const x0 = frame.toX(firstStep)
  const x1 = frame.toX(lastStep)
  const middle = (x0 + x1) / 2
  const half = Math.max(3, (x1 - x0) / 2)
  return [middle - half, middle + half]
}
