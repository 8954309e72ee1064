/**
 * What all charts of a page share while the pointer moves: one x position and one highlighted run.
 *
 * Kept outside React: a pointer move must not render components.
 */

import type { XKind } from '../core/view'

export interface SyncedChart {
  xKind: XKind
  /** Draw the crosshair at `x`, or none. `pointed` is the chart under the pointer. */
  showCrosshair: (x: number | null, pointed: boolean) => void
  showHighlight: (run: string | null) => void
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
  }
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
