/** A track with a notch at every step where a run has media; the knob stands on notches only. */

import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'
import { nearestIndex, notchesOf, stepBy } from '../../core/steps'

interface StepSliderProps {
  /** Ascending. */
  notches: readonly number[]
  /** Those of each run; notches that more runs have are higher. */
  lists: readonly (readonly number[])[]
  value: number
  /** What the value means, for a screen reader. */
  valueText: string
  onSlide: (value: number) => void
}

const TRACK_HEIGHT = 14
const LEAST_NOTCH = 4
const PAGE_NOTCHES = 10

export function StepSlider({ notches, lists, value, valueText, onSlide }: StepSliderProps) {
  const track = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const first = notches[0] ?? 0
  const last = notches.at(-1) ?? 0

  useEffect(() => {
    const node = track.current
    if (!node) return
    const observer = new ResizeObserver(() => setWidth(Math.floor(node.clientWidth)))
    observer.observe(node)
    return () => observer.disconnect()
  }, [])
  // One path of a notch a pixel at most, whatever the number of steps.
  const path = useMemo(
    () =>
      notchesOf(lists, [first, last], width)
        .map(({ at, share }) => {
          const height = Math.round(LEAST_NOTCH + (TRACK_HEIGHT - LEAST_NOTCH) * share)
          return `M${at} ${(TRACK_HEIGHT - height) / 2}h1v${height}h-1z`
        })
        .join(''),
    [lists, first, last, width],
  )

  const slideTo = (event: PointerEvent<HTMLElement>): void => {
    const box = track.current?.getBoundingClientRect()
    if (!box || box.width === 0) return
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
    const found = notches[nearestIndex(notches, first + share * (last - first))]
    if (found !== undefined && found !== value) onSlide(found)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const target = {
      Home: first,
      End: last,
      PageUp: stepBy(notches, value, PAGE_NOTCHES),
      PageDown: stepBy(notches, value, -PAGE_NOTCHES),
    }[event.key]
    if (target === undefined) return
    event.preventDefault()
    onSlide(target)
  }
  const share = last > first ? (value - first) / (last - first) : 0
  return (
    <div
      className="step-slider"
      role="slider"
      aria-label="Step"
      aria-valuemin={first}
      aria-valuemax={last}
      aria-valuenow={value}
      aria-valuetext={valueText}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        slideTo(event)
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) slideTo(event)
      }}
    >
      <div ref={track} className="step-track">
        <svg width={width} height={TRACK_HEIGHT} aria-hidden="true">
          <path d={path} />
        </svg>
        <span className="step-knob" style={{ left: `${share * 100}%` }} />
      </div>
    </div>
  )
}
