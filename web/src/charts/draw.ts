/** Painting lines, min–max bands and rails of marks on a canvas whose unit is the CSS pixel. */

import { isGap } from '../core/series'
import type { Mark } from '../core/types'
import { hasBands, OWN_BANDS, strokeWidth, type ChartLine, type ChartModel, type Frame } from './model'
import { runColor, type ChartTheme } from './theme'

type Context = CanvasRenderingContext2D

const HIGHLIGHT_WIDTH = 2.5
const RAW_ALPHA = 0.25
const ENVELOPE_ALPHA = 0.1
/** Middle of a rail, px from the plot's edge. */
const RAIL = 5

/** Everything of a chart that hovering does not change. */
export function paintLines(context: Context, model: ChartModel, frame: Frame, theme: ChartTheme): void {
  const { lines } = model
  if (lines.length > OWN_BANDS) {
    if (hasBands(model)) paintEnvelope(context, lines, frame, theme)
  } else {
    for (const line of lines) paintBand(context, line, frame, theme)
  }
  const width = strokeWidth(lines.length)
  for (const line of lines) paintStroke(context, line, frame, theme, width)
  for (const line of lines) paintMarks(context, line, model, frame, theme)
}

/** One line on top of the dimmed others, with its own band. */
export function paintHighlight(
  context: Context,
  line: ChartLine,
  model: ChartModel,
  frame: Frame,
  theme: ChartTheme,
): void {
  paintBand(context, line, frame, theme)
  paintStroke(context, line, frame, theme, HIGHLIGHT_WIDTH)
  paintMarks(context, line, model, frame, theme)
}

function paintStroke(
  context: Context,
  line: ChartLine,
  frame: Frame,
  theme: ChartTheme,
  width: number,
): void {
  context.strokeStyle = context.fillStyle = runColor(theme, line.color)
  context.lineJoin = 'round'
  if (line.y !== line.series.mean) {
    context.globalAlpha = RAW_ALPHA
    context.lineWidth = Math.min(width, 1)
    strokeColumn(context, line, line.series.mean, frame)
    context.globalAlpha = 1
  }
  context.lineWidth = width
  strokeColumn(context, line, line.y, frame)
}

/** A line broken at NaN and at gaps; a point without neighbours becomes a dot. */
function strokeColumn(context: Context, line: ChartLine, values: Float64Array, frame: Frame): void {
  const { series } = line
  const { x } = series
  const [from, to] = visibleSpan(x, frame)
  context.beginPath()
  let length = 0
  let dotX = 0
  let dotY = 0
  const endPart = (): void => {
    if (length === 1) {
      context.moveTo(dotX + 2, dotY)
      context.arc(dotX, dotY, 2, 0, 2 * Math.PI)
      context.fill()
    }
    length = 0
  }
  for (let i = from; i < to; i++) {
    const px = frame.toX(x[i] ?? 0)
    const py = frame.toY(values[i] ?? Number.NaN)
    if (Number.isNaN(py)) {
      endPart()
      continue
    }
    if (length > 0 && isGap(series, i)) endPart()
    // Far outside values would overflow the rasteriser's fixed point numbers.
    const y = Math.max(-10_000, Math.min(10_000, py))
    if (length === 0) context.moveTo(px, y)
    else context.lineTo(px, y)
    length++
    dotX = px
    dotY = y
  }
  endPart()
  context.stroke()
}

function paintBand(context: Context, line: ChartLine, frame: Frame, theme: ChartTheme): void {
  const { series } = line
  if (series.exact) return
  const [from, to] = visibleSpan(series.x, frame)
  context.fillStyle = runColor(theme, line.color)
  context.globalAlpha = theme.band
  context.beginPath()
  let start = from
  const endPart = (end: number): void => {
    for (let i = start; i < end; i++) {
      const px = frame.toX(series.x[i] ?? 0)
      const py = bounded(frame, series.max[i] ?? Number.NaN, 0)
      if (i === start) context.moveTo(px, py)
      else context.lineTo(px, py)
    }
    for (let i = end - 1; i >= start; i--) {
      context.lineTo(frame.toX(series.x[i] ?? 0), bounded(frame, series.min[i] ?? Number.NaN, frame.height))
    }
    if (end > start) context.closePath()
  }
  for (let i = from; i < to; i++) {
    if (Number.isNaN(series.mean[i] ?? Number.NaN)) {
      endPart(i)
      start = i + 1
    } else if (i > start && isGap(series, i)) {
      endPart(i)
      start = i
    }
  }
  endPart(to)
  context.fill()
  context.globalAlpha = 1
}

/** From the lowest minimum to the highest maximum of all lines, per pixel column. */
function paintEnvelope(context: Context, lines: readonly ChartLine[], frame: Frame, theme: ChartTheme): void {
  const columns = Math.max(1, Math.ceil(frame.width)) + 1
  const low = new Float32Array(columns).fill(Number.NEGATIVE_INFINITY)
  const high = new Float32Array(columns).fill(Number.POSITIVE_INFINITY)
  for (const { series } of lines) {
    if (series.exact) continue
    const [from, to] = visibleSpan(series.x, frame)
    for (let i = from; i < to; i++) {
      if (Number.isNaN(series.mean[i] ?? Number.NaN)) continue
      const top = bounded(frame, series.max[i] ?? 0, 0)
      const bottom = bounded(frame, series.min[i] ?? 0, frame.height)
      const here = frame.toX(series.x[i] ?? 0)
      const joined = i > from && !isGap(series, i) && !Number.isNaN(series.mean[i - 1] ?? Number.NaN)
      const before = joined ? frame.toX(series.x[i - 1] ?? 0) : here
      const topBefore = joined ? bounded(frame, series.max[i - 1] ?? 0, 0) : top
      const bottomBefore = joined ? bounded(frame, series.min[i - 1] ?? 0, frame.height) : bottom
      const first = Math.max(0, Math.ceil(before))
      const last = Math.min(columns - 1, Math.floor(here))
      for (let column = first; column <= last; column++) {
        const share = here === before ? 1 : (column - before) / (here - before)
        const y1 = topBefore + (top - topBefore) * share
        const y2 = bottomBefore + (bottom - bottomBefore) * share
        if (y1 < (high[column] ?? 0)) high[column] = y1
        if (y2 > (low[column] ?? 0)) low[column] = y2
      }
    }
  }
  context.fillStyle = theme.text3
  context.globalAlpha = ENVELOPE_ALPHA
  context.beginPath()
  for (let column = 0; column < columns; column++) {
    const y1 = high[column] ?? 0
    const y2 = low[column] ?? 0
    if (y2 >= y1) context.rect(column - 0.5, y1, 1, Math.max(1, y2 - y1))
  }
  context.fill()
  context.globalAlpha = 1
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
  for (let i = 0; i < series.mean.length; i++) {
    const x = series.x[i] ?? 0
    if ((series.max[i] ?? 0) > model.y.max) paintTriangle(context, frame.toX(x), RAIL, -1)
    if ((series.min[i] ?? 0) < model.y.min) paintTriangle(context, frame.toX(x), frame.height - RAIL, 1)
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

/** The y pixel kept near the plot; `missing` for values a log axis cannot show. */
function bounded(frame: Frame, value: number, missing: number): number {
  const y = frame.toY(value)
  return Number.isNaN(y) ? missing : Math.max(-50, Math.min(frame.height + 50, y))
}

/** Indices of the points inside the frame, with one more on each side. */
function visibleSpan(x: Float64Array, frame: Frame): [number, number] {
  const low = frame.fromX(0)
  const high = frame.fromX(frame.width)
  let from = 0
  let to = x.length
  while (from + 1 < x.length && (x[from + 1] ?? 0) < low) from++
  while (to - 2 > from && (x[to - 2] ?? 0) > high) to--
  return [from, to]
}
