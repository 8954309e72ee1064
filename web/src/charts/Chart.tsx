/** A line chart: the only place that mounts uPlot. A new spec builds a new plot, new data are only painted. */

import { useEffect, useLayoutEffect, useRef, type KeyboardEvent, type RefObject } from 'react'
import uPlot from 'uplot'
import { formatNumber } from '../core/format'
import { nearestIndex } from '../core/series'
import type { Range } from '../core/view'
import { listen, type Point } from './gestures'
import { shownY, type ChartLine, type ChartModel } from './model'
import { toOptions } from './options'
import { describeX, Surface, valueAt } from './surface'
import {
  endPreview,
  highlightRun,
  highlightedRun,
  isPreviewing,
  joinSync,
  pointAt,
  previewRange,
  type SyncedChart,
} from './sync'
import { onThemeChange } from './theme'
import { tooltip } from './tooltip'

export interface ChartActions {
  onZoom: (change: { x?: Range; y?: Range }, how: 'new' | 'adjust') => void
  /** One zoom step back. */
  onBack: () => void
  onReset: () => void
  onFullScreen?: () => void
  /** The pointer is on the plot: live data must not rescale it. */
  onHold?: (held: boolean) => void
}

export interface ChartProps extends ChartActions {
  model: ChartModel
  label: string
  /** Text node in the panel's header for the highlighted run's value at the crosshair. */
  readout?: RefObject<HTMLElement | null>
}

export function Chart(props: ChartProps) {
  const { model, label } = props
  const host = useRef<HTMLDivElement>(null)
  const announcer = useRef<HTMLDivElement>(null)
  const plot = useRef<Mounted | null>(null)
  const latest = useRef(props)
  useLayoutEffect(() => {
    latest.current = props
  })
  const { xKind, log } = model

  useLayoutEffect(() => {
    if (!host.current) return
    const mounted = mount(host.current, latest)
    plot.current = mounted
    return () => {
      plot.current = null
      mounted.destroy()
    }
  }, [xKind, log])

  // Runs after the effect above, so a rebuilt plot gets its data in the same frame.
  useLayoutEffect(() => plot.current?.update(model), [model, xKind, log])

  useEffect(() => onThemeChange(() => plot.current?.repaint()), [])

  const onKeyDown = (event: KeyboardEvent): void => {
    const said = plot.current?.key(event)
    if (said === undefined) return
    event.preventDefault()
    event.stopPropagation()
    if (said !== null && announcer.current) announcer.current.textContent = said
  }

  return (
    <figure className="chart" tabIndex={0} aria-label={label} onKeyDown={onKeyDown}>
      <div ref={host} className="chart-host" />
      <div ref={announcer} className="visually-hidden" aria-live="polite" />
    </figure>
  )
}

interface Mounted {
  update: (model: ChartModel) => void
  repaint: () => void
  destroy: () => void
  /** Handle a key; undefined when it is not ours, otherwise what to announce. */
  key: (event: KeyboardEvent) => string | null | undefined
}

function mount(host: HTMLElement, latest: RefObject<ChartProps>): Mounted {
  let surface: Surface | null = null
  const model = latest.current.model
  const ranges = (): { x: Range; y: Range } => {
    const current = surface?.model ?? model
    return { x: current.xRange, y: shownY(current) }
  }
  const size = { width: host.clientWidth || 300, height: host.clientHeight || 180 }
  const plot = new uPlot(
    toOptions(model, size, ranges, () => surface?.paint()),
    undefined,
    host,
  )
  const painted = new Surface(plot.over, model)
  surface = painted
  const redraw = (): void => {
    const { x, y } = ranges()
    plot.setData([[...x], [...y]])
  }
  const cursor = new Cursor(painted, latest, plot.over, redraw)
  const leaveSync = joinSync(cursor)
  const stopListening = listen(plot.over, cursor.gestures)

  let timer = 0
  const observer = new ResizeObserver(([entry]) => {
    const { width = 0, height = 0 } = entry?.contentRect ?? {}
    if (width < 40 || height < 40 || (width === plot.width && height === plot.height)) return
    window.clearTimeout(timer)
    timer = window.setTimeout(() => plot.setSize({ width, height }), 100)
  })
  observer.observe(host)

  return {
    update: (next) => {
      painted.setModel(next, isPreviewing(next.xKind))
      redraw()
      painted.highlight(highlightedRun())
    },
    repaint: () => plot.redraw(false, true),
    key: (event) => cursor.key(event),
    destroy: () => {
      window.clearTimeout(timer)
      observer.disconnect()
      stopListening()
      leaveSync()
      cursor.destroy()
      painted.destroy()
      plot.destroy()
    },
  }
}

/** A gesture that pauses for so long is over. */
const SETTLE_MS = 120

/** One chart's part in the shared pointer: crosshair, tooltip, header value, zoom gestures and keys. */
class Cursor implements SyncedChart {
  readonly #surface: Surface
  readonly #latest: RefObject<ChartProps>
  readonly #over: HTMLElement
  readonly #redraw: () => void
  /** Where a gesture that goes on has led. */
  #wanted: Range | null = null
  #settling = 0
  #keyX: number | null = null
  #keyLine = 0

  constructor(surface: Surface, latest: RefObject<ChartProps>, over: HTMLElement, redraw: () => void) {
    this.#surface = surface
    this.#latest = latest
    this.#over = over
    this.#redraw = redraw
  }

  get xKind() {
    return this.#surface.model.xKind
  }

  readonly gestures = {
    size: () => this.#surface.frame,
    hover: (point: Point, plot: DOMRect) => this.#hover(point, plot),
    leave: () => this.#leave(),
    click: () => tooltip().toggleFreeze(this),
    zoom: (box: { x: Range | null; y: Range | null }) => {
      const { frame } = this.#surface
      this.#settle()
      this.#latest.current.onZoom(
        {
          ...(box.x ? { x: [frame.fromX(box.x[0]), frame.fromX(box.x[1])] as const } : {}),
          ...(box.y ? { y: [frame.fromY(box.y[1]), frame.fromY(box.y[0])] as const } : {}),
        },
        'new',
      )
    },
    scale: (at: number, factor: number) => this.#adjust(this.#scaled(this.#fromX(at), factor)),
    pan: (pixels: number) => {
      const [low, high] = this.#shown()
      const shift = ((high - low) * pixels) / this.#surface.frame.width
      this.#adjust([low + shift, high + shift])
    },
    back: () => {
      this.#settle()
      this.#latest.current.onBack()
    },
  }

  showCrosshair(x: number | null, pointed: boolean): void {
    const value = this.#surface.crosshair(x)
    const readout = this.#latest.current.readout?.current
    if (!readout) return
    const text = value && !pointed && !Number.isNaN(value.value) ? formatNumber(value.value) : ''
    if (readout.textContent !== text) readout.textContent = text
  }

  showHighlight(run: string | null): void {
    this.#surface.highlight(run)
  }

  key(event: KeyboardEvent): string | null | undefined {
    const { onBack, onReset, onFullScreen } = this.#latest.current
    if (event.ctrlKey || event.metaKey || event.altKey) return undefined
    switch (event.key) {
      case 'ArrowLeft':
      case 'ArrowRight': {
        const way = event.key === 'ArrowLeft' ? -1 : 1
        return event.shiftKey ? this.#panBy(way * 0.2) : this.#step(way)
      }
      case 'ArrowUp':
      case 'ArrowDown':
        return this.#nextLine(event.key === 'ArrowUp' ? -1 : 1)
      case '+':
      case '=':
        return this.#scale(this.#keyX ?? this.#middle(), 0.5)
      case '-':
        return this.#scale(this.#keyX ?? this.#middle(), 2)
      case '0':
        this.#settle()
        onReset()
        return 'Zoom reset'
      case 'Backspace':
        onBack()
        return null
      case ' ':
        tooltip().toggleFreeze(this)
        return null
      case 'Enter':
        if (!onFullScreen || event.target !== event.currentTarget) return undefined
        onFullScreen()
        return null
      default:
        return undefined
    }
  }

  showRange(range: Range): void {
    this.#surface.setPreview(range)
    this.#redraw()
  }

  destroy(): void {
    window.clearTimeout(this.#settling)
    if (this.#wanted) endPreview()
    if (tooltip().frozenOwner === this) tooltip().release()
    tooltip().hide(this)
  }

  #hover(point: Point, plot: DOMRect): void {
    if (this.#wanted) return
    const surface = this.#surface
    this.#latest.current.onHold?.(true)
    const { content, nearest } = surface.describe(point.x, point.y)
    highlightRun(nearest?.run ?? null)
    pointAt(this, surface.frame.fromX(point.x))
    if (content.rows.length > 0) tooltip().show(this, content, { plot, x: point.x, left: this.#roomLeft() })
    else tooltip().hide(this)
  }

  #leave(): void {
    this.#latest.current.onHold?.(false)
    this.#unpoint()
  }

  #unpoint(): void {
    highlightRun(null)
    pointAt(this, null)
    tooltip().hide(this)
  }

  /** Follow a gesture at once; the page and the server hear of it when it pauses. */
  #adjust(range: Range): void {
    // While the axis moves, crosshair and tooltip would point at what was there before.
    if (!this.#wanted) this.#unpoint()
    previewRange(this, range)
    this.#wanted = range
    window.clearTimeout(this.#settling)
    this.#settling = window.setTimeout(() => this.#settle(), SETTLE_MS)
  }

  /** Tell the page where the gesture has led. */
  #settle(): void {
    window.clearTimeout(this.#settling)
    if (!this.#wanted) return
    const range = this.#wanted
    this.#wanted = null
    endPreview()
    this.#latest.current.onZoom({ x: range }, 'adjust')
  }

  /** The x at a pixel, also when the gesture is ahead of what is painted. */
  #fromX(pixel: number): number {
    const [low, high] = this.#shown()
    return low + (pixel / this.#surface.frame.width) * (high - low)
  }

  #shown(): Range {
    return this.#wanted ?? this.#surface.model.xRange
  }

  #scaled(at: number, factor: number): Range {
    const [low, high] = this.#shown()
    return [at - (at - low) * factor, at + (high - at) * factor]
  }

  #scale(at: number, factor: number): null {
    this.#latest.current.onZoom({ x: this.#scaled(at, factor) }, 'adjust')
    return null
  }

  #panBy(share: number): null {
    const [low, high] = this.#surface.model.xRange
    const shift = (high - low) * share
    this.#latest.current.onZoom({ x: [low + shift, high + shift] }, 'adjust')
    return null
  }

  #roomLeft(): number {
    return this.#over.closest('[data-scroller]')?.getBoundingClientRect().left ?? 0
  }

  #middle(): number {
    const [low, high] = this.#surface.model.xRange
    return (low + high) / 2
  }

  /** Crosshair to the next bucket of the current line. */
  #step(way: 1 | -1): string | null {
    const line = this.#line()
    if (!line) return null
    const { x } = line.series
    const here = this.#keyX === null ? -1 : nearestIndex(x, this.#keyX)
    const index = here === -1 ? (way === 1 ? 0 : x.length - 1) : here + way
    this.#keyX = x[Math.max(0, Math.min(x.length - 1, index))] ?? null
    return this.#showKeyPoint(line)
  }

  #nextLine(way: 1 | -1): string | null {
    const count = this.#surface.model.lines.length
    if (count === 0) return null
    this.#keyLine = (this.#keyLine + way + count) % count
    const line = this.#line()
    if (!line) return null
    this.#keyX ??= line.series.x[line.series.x.length - 1] ?? null
    return this.#showKeyPoint(line)
  }

  #line(): ChartLine | undefined {
    const { lines } = this.#surface.model
    return lines[Math.min(this.#keyLine, lines.length - 1)]
  }

  #showKeyPoint(line: ChartLine): string | null {
    if (this.#keyX === null) return null
    const { frame } = this.#surface
    highlightRun(line.run)
    pointAt(this, this.#keyX)
    const at = valueAt(line, this.#keyX, frame)
    const px = frame.toX(this.#keyX)
    const py = at && !Number.isNaN(at.value) ? frame.toY(at.value) : frame.height / 2
    const { content } = this.#surface.describe(px, py)
    const plot = this.#over.getBoundingClientRect()
    tooltip().show(this, content, { plot, x: px, left: this.#roomLeft() })
    const said = at ? formatNumber(at.value) : 'no value'
    return `${line.name}, ${describeX(this.xKind, this.#keyX)}: ${said}`
  }
}
