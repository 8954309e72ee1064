/** Two images beside each other, or one over the other: split, blended, or as their difference. */

import {
  useLayoutEffect,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
} from 'react'
import type { Mode } from '../../core/comparison'
import { formatNumber } from '../../core/format'
import { TINY_PIXELS } from '../../panels/FilePreview'
import { Icon } from '../../ui/Icon'
import { useDifference } from './useDifference'

interface PairStageProps {
  /** Addresses of the images; null where there is none. */
  a: string | null
  b: string | null
  nameA: string
  nameB: string
  mode: Mode
  mix: number
  onMix: (mix: number) => void
}

/** Tiny images are enlarged to this width. */
const TINY_SHOWN = 256
const MIX_STEP = 0.05
/** The brightest that differences are made, as powers of two. */
const MOST_GAIN = 6

export function PairStage(props: PairStageProps) {
  const { a, b, nameA, nameB, mode, mix } = props
  if (mode === 'side' || a === null || b === null) {
    return (
      <div className={`pair-stage is-side ${a !== null && b !== null ? 'is-two' : ''}`}>
        {a !== null && <Frame url={a}>{(load) => <Picture url={a} name={nameA} onSize={load} />}</Frame>}
        {b !== null && <Frame url={b}>{(load) => <Picture url={b} name={nameB} onSize={load} />}</Frame>}
      </div>
    )
  }
  if (mode === 'difference') return <DifferenceStage {...props} a={a} b={b} />
  return (
    <div className="pair-stage">
      <Frame url={a}>
        {(load) => (
          <>
            <Picture url={a} name={nameA} onSize={load} />
            {mode === 'split' ? (
              <>
                <div className="pair-over" style={{ clipPath: `inset(0 0 0 ${mix * 100}%)` }}>
                  <Picture url={b} name={nameB} />
                </div>
                <Divider mix={mix} onMix={props.onMix} />
              </>
            ) : (
              <div className="pair-over" style={{ opacity: mix }}>
                <Picture url={b} name={nameB} />
              </div>
            )}
          </>
        )}
      </Frame>
    </div>
  )
}

type OnSize = (width: number, height: number) => void

/** Never above the image's own size, tiny ones apart, unless it is magnified or to fill its place. */
function Frame({ url, children }: { url: string; children: (onSize: OnSize) => ReactNode }) {
  const [size, setSize] = useState<[number, number]>([1, 1])
  const [width, height] = size
  const most = Math.max(width, height) <= TINY_PIXELS ? TINY_SHOWN : width
  const known = width > 1 || height > 1
  return (
    <div className="pair-place">
      <div
        className={`pair-frame ${most > width && known ? 'is-tiny' : ''}`}
        data-magnify
        data-url={url}
        style={
          known
            ? ({
                aspectRatio: `${width} / ${height}`,
                '--native': `${most}px`,
                '--ratio': width / height,
              } as CSSProperties)
            : { visibility: 'hidden' }
        }
      >
        {children((w, h) => {
          if (w !== width || h !== height) setSize([w, h])
        })}
      </div>
    </div>
  )
}

function Picture({ url, name, onSize }: { url: string; name: string; onSize?: OnSize }) {
  const [failed, setFailed] = useState<string | null>(null)
  if (failed === url) {
    return (
      <span className="media-missing faint">
        <Icon name="warn" /> {name} could not be loaded
      </span>
    )
  }
  return (
    <img
      className="pair-image"
      src={url}
      alt={name}
      decoding="async"
      draggable={false}
      onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => onSize?.(naturalWidth, naturalHeight)}
      onError={() => {
        setFailed(url)
        onSize?.(TINY_SHOWN, TINY_SHOWN)
      }}
    />
  )
}

/** The line where two images part; dragged, or moved with the arrow keys. */
function Divider({ mix, onMix }: { mix: number; onMix: (mix: number) => void }) {
  const slideTo = (event: PointerEvent<HTMLElement>): void => {
    const box = event.currentTarget.parentElement?.getBoundingClientRect()
    if (box) onMix(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const way = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (way === 0) return
    event.preventDefault()
    event.stopPropagation()
    onMix(Math.min(1, Math.max(0, mix + way * MIX_STEP)))
  }
  return (
    <div
      className="pair-divider"
      role="slider"
      aria-label="Where A ends and B begins"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(mix * 100)}
      aria-valuetext={`${Math.round(mix * 100)} % A`}
      tabIndex={0}
      style={{ left: `${mix * 100}%` }}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.stopPropagation()
        event.currentTarget.setPointerCapture(event.pointerId)
      }}
      onPointerMove={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
        event.stopPropagation()
        slideTo(event)
      }}
    />
  )
}

function DifferenceStage({ a, b, nameA, nameB, mix }: PairStageProps & { a: string; b: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const reply = useDifference(a, b)
  useLayoutEffect(() => {
    const node = canvas.current
    if (!node || reply?.failed !== null) return
    node.width = reply.bitmap.width
    node.height = reply.bitmap.height
    // Takes the bitmap over, so that none is left behind while somebody slides.
    node.getContext('bitmaprenderer')?.transferFromImageBitmap(reply.bitmap)
  }, [reply])
  return (
    <div className="pair-stage has-numbers">
      <Frame url={a}>
        {(load) => (
          <>
            <Picture url={a} name={nameA} onSize={load} />
            <div className="pair-over is-black" data-ready={reply?.failed === null}>
              <canvas
                ref={canvas}
                className="pair-image"
                role="img"
                aria-label={`Difference of ${nameA} and ${nameB}`}
                style={{ filter: `brightness(${gainOf(mix)})` }}
              />
            </div>
          </>
        )}
      </Frame>
      <p className="pair-numbers" role="status">
        {reply === null
          ? 'Comparing …'
          : reply.failed === null
            ? inWords(reply)
            : `Not compared: ${reply.failed}`}
      </p>
    </div>
  )
}

function inWords({ changed, mean, most }: { changed: number; mean: number; most: number }): string {
  const short = (value: number): string => formatNumber(Number(value.toPrecision(3)))
  if (changed === 0) return 'All pixels are equal'
  return `${short(changed * 100)} % of the pixels differ · mean ${short(mean)} · most ${formatNumber(Math.round(most))} of 255`
}

/** How much brighter differences are shown: ×1 to ×64, ×8 in the middle. */
export function gainOf(mix: number): number {
  return Math.round(2 ** (mix * MOST_GAIN))
}
