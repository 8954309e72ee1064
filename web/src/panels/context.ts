/** What all panels of a page share. */

import type { ProjectRef } from '../api/queries'
import type { RunState } from '../core/types'
import type { WorkspaceView, XKind } from '../core/view'
import type { SetView } from './useView'
import type { Zoom } from './useZoom'

export interface PanelRun {
  id: string
  name: string
  color: number
  state: RunState
}

export interface PanelContext {
  at: ProjectRef
  /** Shown runs in list order. */
  runs: readonly PanelRun[]
  stream: 'history' | 'system'
  view: WorkspaceView
  setView: SetView
  zoom: Zoom
  /** The axis a metric was declared with, by metric: it stands in for steps. */
  ownAxes: ReadonlyMap<string, string>
}

/** The x axis of one panel: the page's, or the metric's own where the page asks for steps. */
export function axisOf(metric: string, { view, ownAxes }: PanelContext): XKind {
  const own = view.x === 'step' ? ownAxes.get(metric) : undefined
  return own === undefined ? view.x : `metric:${own}`
}

/** Axes declared when the metrics were defined. */
export function ownAxesOf(
  metrics: readonly { name: string; x: string | null }[],
): ReadonlyMap<string, string> {
  return new Map(metrics.flatMap(({ name, x }) => (x === null || x === '_step' ? [] : [[name, x] as const])))
}

/** A panel draws at most this many runs, the first of the list. */
export const MOST_RUNS = 100
