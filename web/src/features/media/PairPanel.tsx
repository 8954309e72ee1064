/** A and B, beside or over each other, in a panel over the grid: as wide as one drags it, or folded away. */

import { useQuery } from '@tanstack/react-query'
import type { PointerEvent } from 'react'
import { mediaQuery } from '../../api/comparison'
import { apiUrl } from '../../api/http'
import { runFilePath, type ProjectRef } from '../../api/queries'
import { MODES, type ComparisonView, type Mode, type Slot, type SlotName } from '../../core/comparison'
import type { MediaItem, Medium } from '../../core/mediaSteps'
import type { Run } from '../../core/types'
import { FilePreview } from '../../panels/FilePreview'
import { IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { EmptyState } from '../../ui/States'
import { gainOf, PairStage } from './PairStage'
import { SlotHead } from './SlotHead'
import type { SetComparison } from './useComparison'
import type { MediaTable } from './useMedia'

interface PairPanelProps {
  at: ProjectRef
  view: ComparisonView
  setView: SetComparison
  runs: readonly Run[]
  media: MediaTable
  /** The first media of the page are still on their way. */
  waiting: boolean
  /** The slot that keys act on. */
  active: SlotName
  width: number
  folded: boolean
  onActive: (name: SlotName) => void
  onWidth: (width: number) => void
  onFold: (folded: boolean) => void
}

const LEAST_WIDTH = 280
const LEFT_ROOM = 320
const MODE_WORDS: Readonly<Record<Mode, string>> = {
  side: 'Side by side',
  split: 'Split',
  blend: 'Blend',
  difference: 'Difference',
}

export function PairPanel(props: PairPanelProps) {
  const { at, view, setView, runs, media, active, width, folded, onActive, onWidth, onFold } = props
  const itemA = useSlotItem(at, view.a, media)
  const itemB = useSlotItem(at, view.b, media)
  if (folded) {
    return (
      <aside className="pair is-folded" aria-label="A and B">
        <IconButton icon="compare" label="Unfold A and B" onClick={() => onFold(false)} />
      </aside>
    )
  }
  const a = mediumOf(view.a, itemA)
  const b = mediumOf(view.b, itemB)
  const isImage = (medium: Medium | null, item: MediaItem | null): boolean =>
    medium !== null && medium.url !== null && item?.kind === 'image'
  const pictures = [isImage(a, itemA), isImage(b, itemB)]
  const canOverlay = pictures[0] === true && pictures[1] === true
  const onlyPictures = (view.a === null || pictures[0]) && (view.b === null || pictures[1])
  return (
    <aside
      className={`pair ${view.fill ? 'is-filled' : ''}`}
      aria-label="A and B"
      style={{ width }}
      data-testid="pair"
    >
      <Edge width={width} onWidth={onWidth} />
      <header className="pair-head">
        <div className="segments" role="group" aria-label="How A and B are shown (o)">
          {MODES.map((mode) => (
            <button
              key={mode}
              type="button"
              aria-pressed={view.mode === mode}
              disabled={mode !== 'side' && !canOverlay}
              title={mode !== 'side' && !canOverlay ? 'Needs two images' : undefined}
              onClick={() => setView({ mode })}
            >
              {MODE_WORDS[mode]}
            </button>
          ))}
        </div>
        <span className="topbar-space" />
        <IconButton
          icon="fit"
          label={view.fill ? 'Show A and B in their own size' : 'Enlarge A and B to the panel'}
          pressed={view.fill}
          onClick={() => setView({ fill: !view.fill })}
        />
        <IconButton
          icon="swap"
          label="Swap A and B (s)"
          disabled={view.b === null}
          onClick={() => setView({ a: view.b, b: view.a })}
        />
        <IconButton icon="chevronRight" label="Fold A and B away" onClick={() => onFold(true)} />
        <IconButton icon="close" label="Close (Esc)" onClick={() => setView({ a: null, b: null })} />
      </header>
      <div className="pair-slots">
        {(['a', 'b'] as const).map((name) => (
          <SlotHead
            key={name}
            name={name}
            slot={view[name]}
            item={name === 'a' ? itemA : itemB}
            medium={name === 'a' ? a : b}
            runs={runs}
            waiting={props.waiting}
            active={active === name}
            onActive={onActive}
            onSlot={(slot) => setView({ [name]: slot })}
          />
        ))}
      </div>
      {view.a === null && view.b === null ? (
        <EmptyState title="Nothing chosen" />
      ) : onlyPictures ? (
        <PairStage
          a={a?.url ?? null}
          b={b?.url ?? null}
          nameA={nameOf('A', view.a, runs, itemA)}
          nameB={nameOf('B', view.b, runs, itemB)}
          mode={canOverlay ? view.mode : 'side'}
          mix={view.mix}
          onMix={(mix) => setView({ mix }, 'slide')}
        />
      ) : (
        <div className={`pair-previews ${a && b ? 'is-two' : ''}`}>
          <SlotPreview at={at} item={itemA} medium={a} />
          <SlotPreview at={at} item={itemB} medium={b} />
        </div>
      )}
      {canOverlay && view.mode !== 'side' && <Mix view={view} setView={setView} />}
    </aside>
  )
}

/** The item of a slot: at the page's step, or at its own. */
function useSlotItem(at: ProjectRef, slot: Slot | null, media: MediaTable): MediaItem | null {
  const selection = { runs: slot ? [slot.run] : [], metrics: slot ? [slot.key] : [], x: 'step' }
  const own = useQuery({
    ...mediaQuery(at, selection, slot?.step ?? 0, 'exact'),
    ...(slot === null || slot.step === null ? { enabled: false } : {}),
  })
  if (slot === null) return null
  return (slot.step === null ? media.get(slot.run)?.get(slot.key) : own.data?.items[0]) ?? null
}

function mediumOf(slot: Slot | null, item: MediaItem | null): Medium | null {
  return (slot && item?.media[slot.index]) ?? null
}

function nameOf(letter: string, slot: Slot | null, runs: readonly Run[], item: MediaItem | null): string {
  if (!slot) return letter
  const run = runs.find(({ id }) => id === slot.run)?.name ?? slot.run
  return `${letter}: ${slot.key} ${slot.index} of ${run}${item ? `, step ${item.step}` : ''}`
}

/** Where the images part, how much of B is seen, or how bright differences are. */
function Mix({ view, setView }: { view: ComparisonView; setView: SetComparison }) {
  const { mode, mix } = view
  const percent = Math.round(mix * 100)
  const words =
    mode === 'difference' ? `× ${gainOf(mix)}` : mode === 'blend' ? `${percent} % B` : `${percent} % A`
  return (
    <label className="pair-mix">
      <span>{mode === 'difference' ? 'Brightness' : 'A'}</span>
      <input
        type="range"
        min={0}
        max={1}
        step={0.01}
        value={mix}
        aria-label={mode === 'difference' ? 'How bright differences are' : 'From A to B'}
        aria-valuetext={words}
        onChange={(event) => setView({ mix: Number(event.target.value) }, 'slide')}
      />
      {mode !== 'difference' && <span>B</span>}
      <span className="faint pair-mix-words">{words}</span>
    </label>
  )
}

function SlotPreview({
  at,
  item,
  medium,
}: {
  at: ProjectRef
  item: MediaItem | null
  medium: Medium | null
}) {
  if (!item || !medium) return null
  if (medium.path === null) {
    return (
      <EmptyState title={medium.url === null ? 'No file to show' : 'A file of an artifact'}>
        {medium.url !== null && (
          <a className="button is-plain" href={medium.url} download>
            <Icon name="download" /> Download
          </a>
        )}
      </EmptyState>
    )
  }
  const run = { ...at, run: item.run_id }
  const file = { name: medium.path, size_bytes: medium.size_bytes ?? 0, mimetype: null, md5: null }
  return (
    <div className="pair-preview" key={medium.path}>
      <FilePreview
        path={runFilePath(run, medium.path)}
        file={file}
        mediaUrl={(path) => apiUrl(runFilePath(run, path))}
      />
    </div>
  )
}

/** The left edge: dragged, or moved with the arrow keys. */
function Edge({ width, onWidth }: { width: number; onWidth: (width: number) => void }) {
  const most = (): number => Math.max(LEAST_WIDTH, window.innerWidth - LEFT_ROOM)
  const resize = (next: number): void => onWidth(Math.min(most(), Math.max(LEAST_WIDTH, next)))
  const move = (event: PointerEvent<HTMLElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const right = event.currentTarget.parentElement?.getBoundingClientRect().right ?? window.innerWidth
    resize(right - event.clientX)
  }
  return (
    <div
      className="pair-edge"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of A and B"
      aria-valuemin={LEAST_WIDTH}
      aria-valuemax={most()}
      aria-valuenow={Math.round(width)}
      tabIndex={0}
      onKeyDown={(event) => {
        const way = event.key === 'ArrowLeft' ? 1 : event.key === 'ArrowRight' ? -1 : 0
        if (way === 0) return
        event.preventDefault()
        event.stopPropagation()
        resize(width + way * 32)
      }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={move}
    />
  )
}
