/** Zoom of all panels of a page: x ranges by kind of axis, y ranges by metric, one step back or all. */

import { useMemo, useRef } from 'react'
import type { Range, WorkspaceView, XKind } from '../core/view'
import type { SetView } from './useView'

export interface ZoomChange {
  x?: Range
  y?: Range
}

export interface Zoom {
  /** `new` is a step that can be taken back; `adjust` refines the last one, as panning does. */
  change: (metric: string, kind: XKind, ranges: ZoomChange, how: 'new' | 'adjust') => void
  /** One step back. */
  back: () => void
  reset: () => void
}

type Zoomed = Pick<WorkspaceView, 'xr' | 'yr'>

const NONE: Zoomed = { xr: new Map(), yr: new Map() }

export function useZoom(setView: SetView): Zoom {
  const steps = useRef<Zoomed[]>([])
  return useMemo(
    () => ({
      change: (metric, kind, { x, y }, how) => {
        setView(
          (before) => {
            if (how === 'new') steps.current.push({ xr: before.xr, yr: before.yr })
            return {
              ...(x ? { xr: new Map([...before.xr, [kind, x]]) } : {}),
              ...(y ? { yr: new Map([...before.yr, [metric, y]]) } : {}),
            }
          },
          how === 'new' ? 'push' : 'replace',
        )
      },
      back: () => setView(steps.current.pop() ?? NONE),
      reset: () => {
        steps.current = []
        setView(NONE)
      },
    }),
    [setView],
  )
}

export function isZoomed(view: WorkspaceView): boolean {
  return view.xr.size > 0 || view.yr.size > 0
}
