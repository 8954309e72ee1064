/** Keyboard of the media page: steps, runs, A and B, how they lie over each other, zoom. */

import { useCallback, useRef, type PointerEvent, type RefObject } from 'react'
import { MODES, type ComparisonView, type Slot, type SlotName } from '../../core/comparison'
import { stepBy } from '../../core/steps'
import type { Run } from '../../core/types'
import { useKeys } from '../../ui/keys'
import type { GridHandle } from './MediaGrid'
import type { SetComparison } from './useComparison'
import type { Magnifier } from './useMagnifier'

interface Options {
  view: ComparisonView
  setView: SetComparison
  runs: readonly Run[]
  metrics: readonly string[]
  notches: readonly number[]
  place: number | null
  /** The slot that `[` and `]` change. */
  active: SlotName
  magnifier: Magnifier
  grid: RefObject<GridHandle | null>
  onSlide: (place: number) => void
  onAssign: (slot: Slot, name: SlotName, keep: boolean) => void
  onChooser: () => void
  onFind: () => void
}

const JUMP = 10
const ZOOM_FACTOR = 1.5

/** Handlers that tell which medium the pointer is over: keys act on that one before the focused one. */
export function useMediaKeys(options: Options) {
  const { view, setView, runs, metrics, notches, place, active, magnifier, grid, onSlide, onAssign } = options
  const pointed = useRef<Slot | null>(null)

  const put = (name: SlotName): void => {
    const slot = pointed.current ?? slotOf(document.activeElement)
    if (slot) onAssign(slot, name, true)
  }
  const move = (by: number): void => {
    if (place !== null) onSlide(stepBy(notches, place, by))
  }
  const moveRun = (by: number): void => {
    const slot = view[active] ?? slotOf(document.activeElement)
    const here = runs.findIndex(({ id }) => id === slot?.run)
    const next = here === -1 ? runs[0] : runs[(here + by + runs.length) % runs.length]
    if (!next) return
    const target = { ...(slot ?? { key: metrics[0] ?? '', index: 0, step: null }), run: next.id }
    if (view[active]) setView({ [active]: target }, 'replace')
    grid.current?.focus(target)
  }
  useKeys({
    ArrowLeft: () => move(-1),
    ArrowRight: () => move(1),
    'Shift+ArrowLeft': () => move(-JUMP),
    'Shift+ArrowRight': () => move(JUMP),
    '[': () => moveRun(-1),
    ']': () => moveRun(1),
    a: () => put('a'),
    b: () => put('b'),
    s: () => setView({ a: view.b, b: view.a }),
    o: () => setView({ mode: MODES[(MODES.indexOf(view.mode) + 1) % MODES.length] ?? 'side' }, 'replace'),
    '+': () => magnifier.zoomBy(ZOOM_FACTOR),
    '=': () => magnifier.zoomBy(ZOOM_FACTOR),
    '-': () => magnifier.zoomBy(1 / ZOOM_FACTOR),
    '0': magnifier.reset,
    '/': options.onFind,
    'Ctrl+.': options.onChooser,
    Escape: () => {
      if (view.a !== null || view.b !== null) setView({ a: null, b: null })
    },
  })

  const onPointerOver = useCallback((event: PointerEvent) => {
    pointed.current = slotOf(event.target)
  }, [])
  const onPointerLeave = useCallback(() => {
    pointed.current = null
  }, [])
  return { onPointerOver, onPointerLeave }
}

/** The medium that an element of the grid shows. */
function slotOf(target: EventTarget | null): Slot | null {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-cell]') : null
  const { run, key, index } = cell?.dataset ?? {}
  if (run === undefined || key === undefined) return null
  return { run, key, index: Number(index), step: null }
}
