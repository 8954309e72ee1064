/** One medium in the grid: an image, a player, or a card that opens at the side. */

import { memo, useState, type MouseEvent, type ReactNode } from 'react'
import type { Slot } from '../../core/comparison'
import { formatBytes, formatNumber } from '../../core/format'
import { captionOf, type Medium } from '../../core/mediaSteps'
import { TINY_PIXELS } from '../../panels/FilePreview'
import { Icon, type IconName } from '../../ui/Icon'
import { visibleControls } from '../../core/text'

interface MediaCellProps {
  medium: Medium
  kind: string
  /** What a screen reader says. */
  name: string
  note: ReactNode
  mark: 'A' | 'B' | null
  slot: Slot
  left: number
  size: number
  onAssign: (slot: Slot, name: 'a' | 'b') => void
}

export const MediaCell = memo(
  function MediaCell({ medium, kind, name, note, mark, slot, left, size, onAssign }: MediaCellProps) {
    const caption = visibleControls(captionOf(medium))
    const assign = (event: MouseEvent): void => onAssign(slot, event.shiftKey ? 'b' : 'a')
    const isPlayer = (kind === 'audio' || kind === 'video') && medium.url !== null
    return (
      <figure
        role="gridcell"
        className={`media-cell ${mark ? 'is-marked' : ''}`}
        style={{ left, width: size }}
      >
        {isPlayer && <Player kind={kind} url={medium.url ?? ''} name={name} size={size} />}
        <button
          type="button"
          className={isPlayer ? 'media-open' : 'media-frame'}
          style={isPlayer ? {} : { height: size }}
          aria-label={`${name}${caption === '' ? '' : `: ${caption}`}${mark ? ` (${mark})` : ''}`}
          title={caption === '' ? undefined : caption}
          data-cell
          data-run={slot.run}
          data-key={slot.key}
          data-index={slot.index}
          data-magnify={kind === 'image' ? '' : undefined}
          onClick={assign}
        >
          {kind === 'image' && medium.url !== null ? (
            <Thumbnail url={medium.url} />
          ) : isPlayer ? (
            'Compare'
          ) : (
            <Card kind={kind} medium={medium} />
          )}
        </button>
        {mark && (
          <span className="media-mark" aria-hidden="true">
            {mark}
          </span>
        )}
        <figcaption className="media-caption">
          {note}
          <bdi className="clip">{caption}</bdi>
        </figcaption>
      </figure>
    )
  },
  (before, now) =>
    before.medium === now.medium &&
    before.mark === now.mark &&
    before.name === now.name &&
    before.left === now.left &&
    before.size === now.size &&
    before.onAssign === now.onAssign &&
    (before.note === null) === (now.note === null),
)

/** The image before stays until the next one is decoded; one that cannot be shown says so. */
function Thumbnail({ url }: { url: string }) {
  const [shown, setShown] = useState({ url: '', tiny: false, failed: false })
  const failed = shown.url === url && shown.failed
  return (
    <>
      <img
        className={`media-image ${shown.tiny ? 'is-tiny' : ''}`}
        src={url}
        alt=""
        loading="lazy"
        decoding="async"
        draggable={false}
        hidden={failed}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
          const tiny = Math.max(naturalWidth, naturalHeight) <= TINY_PIXELS
          if (tiny !== shown.tiny || shown.failed) setShown({ url, tiny, failed: false })
        }}
        onError={() => setShown({ url, tiny: false, failed: true })}
      />
      {failed && (
        <span className="media-missing faint">
          <Icon name="warn" /> not arrived
        </span>
      )}
    </>
  )
}

function Player({ kind, url, name, size }: { kind: string; url: string; name: string; size: number }) {
  return (
    <div className="media-player" style={{ height: size - 24 }}>
      {kind === 'audio' ? (
        <audio controls preload="none" src={url} aria-label={name} />
      ) : (
        <video controls preload="metadata" muted playsInline src={url} aria-label={name} />
      )}
    </div>
  )
}

const ICONS: Readonly<Record<string, IconName>> = {
  image: 'image',
  table: 'list',
  plotly: 'chart',
  histogram: 'chart',
  html: 'file',
}

function Card({ kind, medium }: { kind: string; medium: Medium }) {
  const { nrows: rows, ncols: columns } = medium.extra
  const facts = [
    typeof rows === 'number' && typeof columns === 'number'
      ? `${formatNumber(rows)} × ${formatNumber(columns)}`
      : '',
    medium.size_bytes === null ? '' : formatBytes(medium.size_bytes),
  ].filter((fact) => fact !== '')
  return (
    <span className="media-card">
      <Icon name={ICONS[kind] ?? 'box'} size={24} />
      <span>{kind === 'media' ? (medium.format ?? kind) : kind}</span>
      {facts.length > 0 && <span className="faint">{facts.join(' · ')}</span>}
      {medium.url === null && <span className="faint">no file</span>}
    </span>
  )
}
