/** Pointer and keyboard on a plot: hover, drag zoom, Alt pan and wheel zoom, crosshair keys. */

import type { Range } from '../core/view'

export interface Point {
  x: number
  y: number
}

export interface Gestures {
  size: () => { width: number; height: number }
  hover: (point: Point, plot: DOMRect) => void
  leave: () => void
  click: () => void
  /** A dragged box in plot pixels; an axis that was not dragged is null. */
  zoom: (box: { x: Range | null; y: Range | null }) => void
  /** Zoom at a pixel; factor below 1 comes nearer. */
  scale: (at: number, factor: number) => void
  pan: (pixels: number) => void
  /** Double click: one step back. */
  back: () => void
}

/** A drag shorter than this in one direction does not zoom that axis. */
const SNAP = 12
const CLICK = 3

/** Listen on the plot area; answers a function that stops. */
export function listen(over: HTMLElement, gestures: Gestures): () => void {
  const box = document.createElement('div')
  box.className = 'chart-select'
  box.hidden = true
  over.append(box)
  let start: Point | null = null
  let panned: number | null = null
  let moved = false
  let rect: DOMRect | null = null
  let frame = 0
  let last: Point = { x: 0, y: 0 }

  const place = (event: PointerEvent): Point => {
    rect ??= over.getBoundingClientRect()
    return { x: event.clientX - rect.left, y: event.clientY - rect.top }
  }
  const forget = (): void => {
    rect = null
  }
  const move = (event: PointerEvent): void => {
    last = place(event)
    if (panned !== null) {
      gestures.pan(panned - last.x)
      panned = last.x
      moved = true
    } else if (start) drawBox(last)
    // One update per frame, however fast the pointer reports.
    frame ||= requestAnimationFrame(() => {
      frame = 0
      rect ??= over.getBoundingClientRect()
      gestures.hover(last, rect)
    })
  }
  const drawBox = (point: Point): void => {
    if (!start) return
    const selection = boxOf(start, point, gestures.size())
    moved ||= Math.abs(point.x - start.x) > CLICK || Math.abs(point.y - start.y) > CLICK
    box.hidden = !selection
    if (!selection) return
    const { width, height } = gestures.size()
    const [left, right] = selection.x ?? [0, width]
    const [top, bottom] = selection.y ?? [0, height]
    box.style.transform = `translate(${left}px, ${top}px)`
    box.style.width = `${right - left}px`
    box.style.height = `${bottom - top}px`
  }
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return
    rect = null
    moved = false
    over.setPointerCapture(event.pointerId)
    if (event.altKey) panned = place(event).x
    else start = place(event)
  }
  const up = (event: PointerEvent): void => {
    const selection = start && boxOf(start, place(event), gestures.size())
    start = null
    panned = null
    box.hidden = true
    if (selection) gestures.zoom(selection)
    else if (!moved && event.button === 0) gestures.click()
  }
  const cancel = (): void => {
    start = panned = null
    box.hidden = true
  }
  const leave = (): void => {
    cancelAnimationFrame(frame)
    frame = 0
    rect = null
    gestures.leave()
  }
  const wheel = (event: WheelEvent): void => {
    if (!event.altKey) return
    event.preventDefault()
    rect ??= over.getBoundingClientRect()
    gestures.scale(event.clientX - rect.left, event.deltaY > 0 ? 1.25 : 0.8)
  }
  const back = (): void => gestures.back()

  over.addEventListener('pointerenter', forget)
  over.addEventListener('pointermove', move)
  over.addEventListener('pointerdown', down)
  over.addEventListener('pointerup', up)
  over.addEventListener('pointercancel', cancel)
  over.addEventListener('pointerleave', leave)
  over.addEventListener('wheel', wheel, { passive: false })
  over.addEventListener('dblclick', back)
  window.addEventListener('scroll', forget, { capture: true, passive: true })
  return () => {
    cancelAnimationFrame(frame)
    window.removeEventListener('scroll', forget, { capture: true })
    over.removeEventListener('pointerenter', forget)
    over.removeEventListener('pointermove', move)
    over.removeEventListener('pointerdown', down)
    over.removeEventListener('pointerup', up)
    over.removeEventListener('pointercancel', cancel)
    over.removeEventListener('pointerleave', leave)
    over.removeEventListener('wheel', wheel)
    over.removeEventListener('dblclick', back)
    box.remove()
  }
}

/** The dragged box snapped to an axis within 12 px; null for a click. */
export function boxOf(
  from: Point,
  to: Point,
  size: { width: number; height: number },
): { x: Range | null; y: Range | null } | null {
  const x = span(from.x, to.x, size.width)
  const y = span(from.y, to.y, size.height)
  const wide = x[1] - x[0] >= SNAP
  const high = y[1] - y[0] >= SNAP
  if (!wide && !high) return null
  return { x: wide ? x : null, y: high ? y : null }
}

function span(a: number, b: number, most: number): Range {
  const clamp = (value: number): number => Math.max(0, Math.min(most, value))
  return [clamp(Math.min(a, b)), clamp(Math.max(a, b))]
}
