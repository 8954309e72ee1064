/**
 * The canvases above uPlot's axes: lines on a base canvas, the highlighted line on an overlay.
 *
 * Pointer moves never repaint the base canvas: it is dimmed by CSS, and the overlay draws one line.
 */

import { middleEllipsis } from '../core/ellipsis'
import { axisDuration, exactNumber, formatDuration, formatNumber, formatTime } from '../core/format'
import { markAt, nearestIndex, valueOf, type Column } from '../core/series'
import type { DamagedRange } from '../core/types'
import type { Range, XKind } from '../core/view'
import { damagedPixels, damageOf, paintHighlight, paintLines } from './draw'
import { hitsAt, type HitMap } from './hit'
import { toFrame, type ChartLine, type ChartModel, type Frame } from './model'
import { chartTheme, runColor } from './theme'
import { MOST_ROWS, type TooltipContent, type TooltipRow } from './tooltip'

/** Farther lines than this are listed in the tooltip, but not highlighted. */
const HIGHLIGHT_DISTANCE = 48

/** Characters of a run's name in the tooltip. */
const NAME_LENGTH = 24

export interface LineValue {
  line: ChartLine
  /** x of the point the value belongs to. */
  x: number
  index: number
  value: number
}

export class Surface {
  readonly #over: HTMLElement
  readonly #base = document.createElement('canvas')
  readonly #overlay = document.createElement('canvas')
  readonly #crosshair = document.createElement('div')
  readonly #dot = document.createElement('div')
  #model: ChartModel
  /** The x range of the last model given. */
  #asked: Range
  #preview: Range | null = null
  #frame: Frame
  #hitMap: HitMap = []
  #highlight: ChartLine | null = null

  constructor(over: HTMLElement, model: ChartModel) {
    this.#over = over
    this.#model = model
    this.#asked = model.xRange
    this.#frame = toFrame(model, 1, 1)
    this.#base.className = 'chart-base'
    this.#overlay.className = 'chart-overlay'
    this.#crosshair.className = 'chart-crosshair'
    this.#dot.className = 'chart-dot'
    this.#crosshair.hidden = this.#dot.hidden = true
    over.append(this.#base, this.#overlay, this.#crosshair, this.#dot)
  }

  /** What is shown: the model, stretched to the previewed range. */
  get model(): ChartModel {
    return this.#model
  }

  get frame(): Frame {
    return this.#frame
  }

  /** Use `model` from the next `paint` on; a preview lasts until a model with another range comes. */
  setModel(model: ChartModel, keepPreview: boolean): void {
    const [low, high] = this.#asked
    this.#asked = model.xRange
    if (!keepPreview && (model.xRange[0] !== low || model.xRange[1] !== high)) this.#preview = null
    this.#model = this.#preview ? { ...model, xRange: this.#preview } : model
  }

  /** Show another x range from the next `paint` on, with the data at hand. */
  setPreview(range: Range): void {
    this.#preview = range
    this.#model = { ...this.#model, xRange: range }
  }

  /** Paint everything; uPlot calls this after it drew the axes. */
  paint(): void {
    const { clientWidth: width, clientHeight: height } = this.#over
    if (width === 0 || height === 0) return
    this.#frame = toFrame(this.#model, width, height, window.devicePixelRatio || 1)
    const context = prepare(this.#base, this.#frame)
    if (context) this.#hitMap = paintLines(context, this.#model, this.#frame, chartTheme(), this.#hitMap)
    const kept = this.#highlight?.id
    this.#highlight = this.#model.lines.find((line) => line.id === kept) ?? null
    this.#paintOverlay()
  }

  /** Highlight a run's lines here; the base fades only when one of them is on this chart. */
  highlight(run: string | null): void {
    const line = run === null ? null : (this.#model.lines.find((candidate) => candidate.run === run) ?? null)
    if (line === this.#highlight) return
    this.#highlight = line
    this.#paintOverlay()
  }

  get highlighted(): ChartLine | null {
    return this.#highlight
  }

  /** Move the crosshair; answers the highlighted line's value there. */
  crosshair(x: number | null): LineValue | null {
    const px = x === null ? -1 : this.#frame.toX(x)
    const inside = x !== null && px >= 0 && px <= this.#frame.width
    this.#crosshair.hidden = !inside
    if (inside) this.#crosshair.style.transform = `translateX(${Math.round(px)}px)`
    const value = inside && this.#highlight ? valueAt(this.#highlight, x, this.#frame) : null
    const py = value ? this.#frame.toY(value.value) : Number.NaN
    this.#dot.hidden = Number.isNaN(py)
    if (value && !Number.isNaN(py)) {
      this.#dot.style.transform = `translate(${this.#frame.toX(value.x)}px, ${py}px)`
      this.#dot.style.background = runColor(chartTheme(), value.line.color)
    }
    return value
  }

  /** Tooltip rows at a pointer position, nearest line first. */
  describe(px: number, py: number): { content: TooltipContent; nearest: ChartLine | null } {
    const x = this.#frame.fromX(px)
    const hits = hitsAt(this.#hitMap, px, py, this.#frame)
    const seen = new Set(hits.map((hit) => hit.line))
    // Ranks tell what a shortened list cannot: where the nearest lines stand among all.
    const ranked = hits.length > MOST_ROWS
    const rows: (TooltipRow | null)[] = hits
      .slice(0, MOST_ROWS)
      .map(({ line, rank }) => this.#row(line, x, ranked ? `${rank}` : ''))
    let count = hits.length
    for (const line of this.#model.lines) {
      if (seen.has(line) || nonFiniteAt(line, x, this.#frame) === null) continue
      if (count++ < MOST_ROWS) rows.push(this.#row(line, x, ''))
    }
    const nearest = hits[0] && hits[0].distance <= HIGHLIGHT_DISTANCE ? hits[0].line : null
    const headX = hits[0] ? (valueAt(hits[0].line, x, this.#frame)?.x ?? x) : x
    return {
      content: {
        head: describeX(this.#model.xKind, headX),
        note: this.#damageAt(px),
        rows: rows.filter((row) => row !== null),
        more: Math.max(0, count - MOST_ROWS),
      },
      nearest,
    }
  }

  destroy(): void {
    for (const node of [this.#base, this.#overlay, this.#crosshair, this.#dot]) node.remove()
  }

  #row(line: ChartLine, x: number, rank: string): TooltipRow | null {
    const color = runColor(chartTheme(), line.color)
    const name = middleEllipsis(line.name, NAME_LENGTH)
    const alarm = nonFiniteAt(line, x, this.#frame)
    if (alarm !== null) return { color, name, rank, value: alarm, smoothed: '', span: '', alarming: true }
    const at = valueAt(line, x, this.#frame)
    if (!at) return null
    const { series } = line
    const mean = valueOf(series.mean, at.index)
    const bound = (column: Column): string => formatNumber(valueOf(column, at.index))
    return {
      color,
      name,
      rank,
      value: series.exact ? exactNumber(mean) : formatNumber(mean),
      smoothed: line.y === series.mean ? '' : `≈ ${formatNumber(at.value)}`,
      span: series.exact ? '' : `${bound(series.min)} … ${bound(series.max)}`,
      alarming: false,
    }
  }

  /** What could not be read under the pointer, in words. */
  #damageAt(px: number): string {
    const found = damageOf(this.#model).find(({ first_step: first, last_step: last }) => {
      const [left, right] = damagedPixels(first, last, this.#frame)
      return px >= left && px <= right
    })
    return found ? describeDamage(found, middleEllipsis(found.name, NAME_LENGTH)) : ''
  }

  #paintOverlay(): void {
    const line = this.#highlight
    // A single line has nobody to stand out from.
    const shown = line !== null && this.#model.lines.length > 1
    this.#base.classList.toggle('is-dimmed', shown)
    if (!shown && this.#overlay.hidden) return
    this.#overlay.hidden = !shown
    if (!shown) return
    const context = prepare(this.#overlay, this.#frame)
    if (context) paintHighlight(context, line, this.#model, this.#frame, chartTheme())
  }
}

/** The line's nearest point to `x`, unless that is far away. */
export function valueAt(line: ChartLine, x: number, frame: Frame): LineValue | null {
  const { series } = line
  const index = nearestIndex(series.x, x)
  const found = series.x[index]
  if (found === undefined) return null
  const spacing = Math.abs((series.x[index + 1] ?? found) - (series.x[index - 1] ?? found))
  const reach = Math.max(spacing, (frame.fromX(frame.width) - frame.fromX(0)) * 0.03)
  if (Math.abs(found - x) > reach) return null
  return { line, x: found, index, value: line.y[index] ?? Number.NaN }
}

/** `NaN`, `+Inf` or `−Inf` where the line has only such values near `x`. */
function nonFiniteAt(line: ChartLine, x: number, frame: Frame): string | null {
  const slack = (frame.fromX(frame.width) - frame.fromX(0)) / frame.width
  const { series } = line
  const at = valueAt(line, x, frame)
  if (at && !Number.isNaN(at.value)) return null
  if (markAt(series.nan, x, slack)) return 'NaN'
  if (markAt(series.posInf, x, slack)) return '+Inf'
  return markAt(series.negInf, x, slack) ? '−Inf' : null
}

export function describeX(kind: XKind, x: number): string {
  if (kind === 'step') return `step ${formatNumber(Math.round(x))}`
  if (kind === 'time') return formatTime(x)
  if (kind === 'relative') return x < 60 ? axisDuration(x) : formatDuration(x)
  return `${kind.slice('metric:'.length)} ${formatNumber(x)}`
}

/** Which steps could not be read, of which run if more are shown, why, and where they are stored. */
export function describeDamage(damage: DamagedRange, name = ''): string {
  const { first_step: first, last_step: last, problem, object } = damage
  const steps =
    first === last ? `Step ${formatNumber(first)}` : `Steps ${formatNumber(first)}–${formatNumber(last)}`
  return `${steps}${name === '' ? '' : ` of ${name}`} could not be read: ${problem} (${object})`
}

/** Size a canvas for the device's pixels, clear it, and scale to CSS pixels. */
function prepare(
  canvas: HTMLCanvasElement,
  { width, height, ratio }: Frame,
): CanvasRenderingContext2D | null {
  const deviceWidth = Math.max(1, Math.round(width * ratio))
  const deviceHeight = Math.max(1, Math.round(height * ratio))
  const context = canvas.getContext('2d')
  if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
    canvas.width = deviceWidth
    canvas.height = deviceHeight
  }
  context?.setTransform(ratio, 0, 0, ratio, 0, 0)
  return context
}
