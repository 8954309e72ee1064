/**
 * What all charts of a page share while the pointer moves: one x position, one highlighted run, and the x range while
 * it is dragged or wheeled.
 *
 * Kept outside React: a pointer move must not render components.
 */

import type { Range, XKind } from '../core/view'

export interface SyncedChart {
  xKind: XKind
  /** Draw the crosshair at `x`, or none. `pointed` is the chart under the pointer. */
  showCrosshair: (x: number | null, pointed: boolean) => void
  showHighlight: (run: string | null) => void
  /** Stretch what is drawn to another x range, at once. */
  showRange: (range: Range) => void
}

type RunListener = (run: string | null) => void

const charts = new Set<SyncedChart>()
const runListeners = new Set<RunListener>()
let highlighted: string | null = null

export function joinSync(chart: SyncedChart): () => void {
  charts.add(chart)
  chart.showHighlight(highlighted)
  return () => {
    charts.delete(chart)
    waiting.delete(chart)
  }
}

interface Gesture {
  source: SyncedChart
  range: Range
}

let gesture: Gesture | null = null
let frame = 0
const waiting = new Set<SyncedChart>()
/** Of each frame, ms: the other charts follow the pointed one as far as this reaches. */
const PREVIEW_MS = 6

/** Show an x range on all charts of the source's kind, before the page knows of it. */
export function previewRange(source: SyncedChart, range: Range): void {
  gesture = { source, range }
  for (const chart of charts) if (chart.xKind === source.xKind) waiting.add(chart)
  frame ||= requestAnimationFrame(showPreviews)
}

/** The gesture is over: what the page shows next counts. */
export function endPreview(): void {
  gesture = null
}

/** Whether a gesture on this kind of axis goes on. */
export function isPreviewing(kind: XKind): boolean {
  return gesture?.source.xKind === kind
}

function showPreviews(): void {
  frame = 0
  const began = performance.now()
  if (!gesture) {
    waiting.clear()
    return
  }
  const { source, range } = gesture
  if (waiting.delete(source)) source.showRange(range)
  for (const chart of waiting) {
    if (performance.now() - began > PREVIEW_MS) break
    // Those that had to wait come first next time.
    waiting.delete(chart)
    chart.showRange(range)
  }
  if (waiting.size > 0) frame = requestAnimationFrame(showPreviews)
}

export function pointAt(source: SyncedChart, x: number | null): void {
  for (const chart of charts) {
    if (chart.xKind === source.xKind) chart.showCrosshair(x, chart === source)
  }
}

export function highlightRun(run: string | null): void {
  if (run === highlighted) return
  highlighted = run
  for (const chart of charts) chart.showHighlight(run)
  for (const listener of runListeners) listener(run)
}

export function highlightedRun(): string | null {
  return highlighted
}

export function onHighlight(listener: RunListener): () => void {
  runListeners.add(listener)
  return () => {
    runListeners.delete(listener)
  }
}
