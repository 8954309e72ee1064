/** How many buckets a panel asks for: one per pixel of its plot. */

import { useLayoutEffect, useState, type RefObject } from 'react'

/** Requests differ by at least this, so that dragging a window's edge does not ask for every width. */
const STEP = 50
const MOST = 2000
/** Axis and margins beside the plot, px. */
const BESIDE = 66
/** Resizing asks for more only when it pauses, ms. */
const PAUSE_MS = 100

/** 0 until the panel has been measured, which happens before its first paint. */
export function useBuckets(body: RefObject<HTMLElement | null>): number {
  const [buckets, setBuckets] = useState(0)
  useLayoutEffect(() => {
    const node = body.current
    if (!node) return
    let timer = 0
    const measure = (): void => setBuckets(bucketsFor(node.clientWidth - BESIDE))
    measure()
    const observer = new ResizeObserver(() => {
      window.clearTimeout(timer)
      timer = window.setTimeout(measure, PAUSE_MS)
    })
    observer.observe(node)
    return () => {
      window.clearTimeout(timer)
      observer.disconnect()
    }
  }, [body])
  return buckets
}

/** The number of buckets for a plot of `width` CSS pixels. */
export function bucketsFor(width: number): number {
  return Math.min(MOST, Math.max(STEP, Math.ceil(width / STEP) * STEP))
}
