/** Zoom and pan of all images of the page together, without rendering: images read three CSS variables. */

import { useCallback, useEffect, useRef, type RefObject } from 'react'
import { panBy, WHOLE, zoomAt, type Magnification } from '../../core/magnify'

export interface Magnifier {
  zoomBy: (factor: number) => void
  reset: () => void
}

const WHEEL_RATE = 0.002
/** From here on pixels are seen as squares. */
const PIXELS_FROM = 4
/** A pointer that moved so far did not click, px. */
const CLICK_PX = 4
const PAUSE_MS = 200

/**
 * @param page Holds the variables; gestures count inside it, on elements with `data-magnify`.
 * @param shown What the address says.
 * @param onSettled Called when a gesture pauses.
 */
export function useMagnifier(
  page: RefObject<HTMLElement | null>,
  shown: Magnification,
  onSettled: (magnification: Magnification) => void,
): Magnifier {
  const current = useRef(shown)
  const timer = useRef(0)
  const settled = useRef(onSettled)
  useEffect(() => {
    settled.current = onSettled
  })

  const show = useCallback(
    (next: Magnification): void => {
      current.current = next
      const node = page.current
      if (!node) return
      node.style.setProperty('--zoom', String(next.zoom))
      node.style.setProperty('--zoom-x', `${next.x * 100}%`)
      node.style.setProperty('--zoom-y', `${next.y * 100}%`)
      node.classList.toggle('is-magnified', next.zoom > 1)
      node.classList.toggle('has-pixels', next.zoom >= PIXELS_FROM)
    },
    [page],
  )
  const take = useCallback(
    (next: Magnification): void => {
      show(next)
      window.clearTimeout(timer.current)
      timer.current = window.setTimeout(() => settled.current(current.current), PAUSE_MS)
    },
    [show],
  )
  useEffect(() => show(shown), [show, shown])
  useEffect(() => () => window.clearTimeout(timer.current), [])

  useEffect(() => {
    const node = page.current
    if (!node) return
    let pan: { box: DOMRect; x: number; y: number; moved: number } | null = null
    const boxOf = (event: Event): DOMRect | null =>
      event.target instanceof Element
        ? (event.target.closest('[data-magnify]')?.getBoundingClientRect() ?? null)
        : null
    const onWheel = (event: WheelEvent): void => {
      // A plain wheel scrolls, always. Browsers report pinching as a wheel with Ctrl.
      if (!event.altKey && !event.ctrlKey) return
      const box = boxOf(event)
      if (!box) return
      event.preventDefault()
      const factor = Math.exp(-event.deltaY * WHEEL_RATE * (event.deltaMode === 1 ? 16 : 1))
      take(
        zoomAt(
          current.current,
          factor,
          (event.clientX - box.left) / box.width,
          (event.clientY - box.top) / box.height,
        ),
      )
    }
    const onDown = (event: PointerEvent): void => {
      const box = event.button === 0 && current.current.zoom > 1 ? boxOf(event) : null
      pan = box && { box, x: event.clientX, y: event.clientY, moved: 0 }
    }
    const onMove = (event: PointerEvent): void => {
      if (!pan || event.buttons === 0) return
      const [dx, dy] = [event.clientX - pan.x, event.clientY - pan.y]
      pan = { ...pan, x: event.clientX, y: event.clientY, moved: pan.moved + Math.abs(dx) + Math.abs(dy) }
      take(panBy(current.current, dx / pan.box.width, dy / pan.box.height))
    }
    const onClick = (event: MouseEvent): void => {
      if (pan && pan.moved > CLICK_PX) {
        event.preventDefault()
        event.stopPropagation()
      }
      pan = null
    }
    const noDrag = (event: Event): void => event.preventDefault()
    node.addEventListener('wheel', onWheel, { passive: false })
    node.addEventListener('pointerdown', onDown)
    node.addEventListener('pointermove', onMove)
    node.addEventListener('click', onClick, { capture: true })
    node.addEventListener('dragstart', noDrag)
    return () => {
      node.removeEventListener('wheel', onWheel)
      node.removeEventListener('pointerdown', onDown)
      node.removeEventListener('pointermove', onMove)
      node.removeEventListener('click', onClick, { capture: true })
      node.removeEventListener('dragstart', noDrag)
    }
  }, [page, take])

  const zoomBy = useCallback((factor: number) => take(zoomAt(current.current, factor, 0.5, 0.5)), [take])
  const reset = useCallback(() => take(WHOLE), [take])
  return { zoomBy, reset }
}
