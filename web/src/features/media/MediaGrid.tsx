/**
 * The media of all runs on one plane: a section a metric, in it a strip a run (or a column a run), aligned so that
 * what belongs together stands together. Only what is near the screen is there.
 */

import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual'
import {
  memo,
  useCallback,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  type ReactNode,
  type Ref,
} from 'react'
import { isSameMedium, type Layout, type Slot } from '../../core/comparison'
import { formatNumber, plural } from '../../core/format'
import type { MediaItem, Notches } from '../../core/mediaSteps'
import type { Run } from '../../core/types'
import { RunDot } from '../../ui/RunDot'
import { Name } from '../../ui/Text'
import { keyOf, mostMedia, toRanks, toStrips, type Row } from './gridRows'
import { MediaCell } from './MediaCell'
import type { MediaTable } from './useMedia'

export interface GridHandle {
  /** Bring a medium into view and focus it. */
  focus: (slot: Pick<Slot, 'run' | 'key' | 'index'>) => void
  /** The media of the rows and columns on screen, at any step. */
  isNear: (run: string, key: string, index: number) => boolean
}

interface MediaGridProps {
  runs: readonly Run[]
  metrics: readonly string[]
  media: MediaTable
  notches: Notches | null
  /** The place on the axis that `media` belong to. */
  place: number
  exact: boolean
  layout: Layout
  /** Edge of a cell, px. */
  size: number
  /** Room that something else covers at the right, px. */
  coveredRight: number
  a: Slot | null
  b: Slot | null
  onAssign: (slot: Slot, name: 'a' | 'b') => void
  ref: Ref<GridHandle>
}

const SECTION = 32
const COLUMN_HEAD = 28
const EMPTY_STRIP = 28
const CAPTION = 20
const GAP = 8
const HEADS: Readonly<Record<Layout, number>> = { strips: 192, columns: 56 }
/** A window narrower than this has less room for names. */
const NARROW_PX = 600
const NARROW_HEAD = 112

export const MediaGrid = memo(function MediaGrid(props: MediaGridProps) {
  const { runs, metrics, media, notches, layout, size, coveredRight, ref } = props
  const scroller = useRef<HTMLDivElement>(null)
  const head = window.innerWidth < NARROW_PX ? Math.min(NARROW_HEAD, HEADS[layout]) : HEADS[layout]
  const top = layout === 'columns' ? COLUMN_HEAD : 0
  const rows = useMemo(
    () => (layout === 'strips' ? toStrips(runs, metrics) : toRanks(runs, metrics, media)),
    [layout, runs, metrics, media],
  )
  const columnCount = layout === 'columns' ? runs.length : mostMedia(media)
  const heightOf = (row: Row | undefined): number => {
    if (row?.kind === 'metric') return SECTION
    if (row?.kind === 'strip' && notches?.find(row.run.id, row.metric) === null) return EMPTY_STRIP
    return size + CAPTION + GAP
  }
  const sections = useMemo(() => rows.flatMap((row, index) => (row.kind === 'metric' ? [index] : [])), [rows])
  // The header of the section on top stays there.
  const pinned = useRef(0)
  const rangeExtractor = useCallback(
    (range: Range) => {
      pinned.current = sections.findLast((index) => index <= range.startIndex) ?? 0
      const shown = defaultRangeExtractor(range)
      return shown.includes(pinned.current) ? shown : [pinned.current, ...shown]
    },
    [sections],
  )
  const vertical = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => heightOf(rows[index]),
    getItemKey: (index) => keyOf(rows[index]),
    overscan: 2,
    rangeExtractor,
    scrollPaddingStart: SECTION + top,
  })
  const horizontal = useVirtualizer({
    horizontal: true,
    count: columnCount,
    getScrollElement: () => scroller.current,
    estimateSize: () => size + GAP,
    paddingStart: head + GAP,
    scrollPaddingStart: head + GAP,
    overscan: 2,
  })
  // Sizes are estimates that are never measured: another cell size makes all of them new.
  const measured = `${size} ${layout} ${notches === null ? 0 : 1} ${metrics.join('\0')} ${runs.length}`
  useLayoutEffect(() => {
    vertical.measure()
    horizontal.measure()
  }, [measured, vertical, horizontal])
  const columns = horizontal.getVirtualItems()
  const items = vertical.getVirtualItems()

  useImperativeHandle(ref, () => {
    const place = ({ run, key, index }: Pick<Slot, 'run' | 'key' | 'index'>): [number, number] => [
      rows.findIndex(
        (row) =>
          row.metric === key &&
          ((row.kind === 'strip' && row.run.id === run) || (row.kind === 'rank' && row.index === index)),
      ),
      layout === 'columns' ? runs.findIndex(({ id }) => id === run) : index,
    ]
    return {
      focus: (slot) => {
        const [row, column] = place(slot)
        if (row === -1 || column === -1) return
        vertical.scrollToIndex(row, { align: 'auto' })
        horizontal.scrollToIndex(column, { align: 'auto' })
        // The cell is there once the scrolling has been rendered.
        requestAnimationFrame(() =>
          requestAnimationFrame(() => {
            const cells = scroller.current?.querySelectorAll<HTMLElement>('[data-cell]') ?? []
            for (const cell of cells) {
              const { run, key, index } = cell.dataset
              if (run === slot.run && key === slot.key && Number(index) === slot.index)
                cell.focus({ preventScroll: true })
            }
          }),
        )
      },
      isNear: (run, key, index) => {
        const [row, column] = place({ run, key, index })
        return (
          vertical.getVirtualItems().some((item) => item.index === row) &&
          horizontal.getVirtualItems().some((item) => item.index === column)
        )
      },
    }
  }, [rows, runs, layout, vertical, horizontal])

  const width = horizontal.getTotalSize() + GAP + coveredRight
  return (
    <div
      ref={scroller}
      className={`media-grid is-${layout}`}
      role="grid"
      aria-label="Media"
      aria-rowcount={rows.length}
      aria-colcount={columnCount}
      data-testid="media-grid"
      data-place={props.place}
    >
      {layout === 'columns' && (
        <div className="media-columns" role="row" style={{ width, height: COLUMN_HEAD }}>
          {columns.map(({ index, start, key }) => {
            const run = runs[index]
            return (
              run && (
                <span
                  key={key}
                  role="columnheader"
                  className="media-column"
                  style={{ left: start, width: size }}
                >
                  <RunDot color={run.color} />
                  <Name>{run.name}</Name>
                </span>
              )
            )
          })}
        </div>
      )}
      <div
        role="rowgroup"
        style={{ height: vertical.getTotalSize() + GAP, width, minWidth: '100%', position: 'relative' }}
      >
        {items.map((item) => {
          const row = rows[item.index]
          if (!row) return null
          const isPinned = item.index === pinned.current
          return (
            <div
              key={item.key}
              role="row"
              aria-rowindex={item.index + 1}
              className={`media-row is-${row.kind} ${isPinned ? 'is-pinned' : ''}`}
              style={{
                height: heightOf(row),
                ...(isPinned ? { top } : { transform: `translateY(${item.start}px)` }),
              }}
            >
              {row.kind === 'metric' ? (
                <MetricHead metric={row.metric} media={media} runs={runs} />
              ) : (
                <>
                  <span role="rowheader" className="media-head" style={{ width: head }}>
                    {row.kind === 'strip' ? (
                      <StripHead
                        run={row.run}
                        item={media.get(row.run.id)?.get(row.metric)}
                        place={props.place}
                      />
                    ) : (
                      <span>[{row.index}]</span>
                    )}
                  </span>
                  {row.kind === 'strip' && !media.get(row.run.id)?.has(row.metric) && (
                    <span role="gridcell" className="media-absent faint" style={{ left: head }}>
                      {absence(row.run.id, row.metric, props)}
                    </span>
                  )}
                  {columns.map(({ index, start, key }) => {
                    const run = row.kind === 'strip' ? row.run : runs[index]
                    const at = row.kind === 'strip' ? index : row.index
                    return (
                      run && (
                        <GridCell
                          key={key}
                          {...props}
                          run={run}
                          metric={row.metric}
                          index={at}
                          left={start}
                        />
                      )
                    )
                  })}
                </>
              )}
            </div>
          )
        })}
      </div>
    </div>
  )
})

function MetricHead({ metric, media, runs }: { metric: string; media: MediaTable; runs: readonly Run[] }) {
  const items = runs.flatMap((run) => media.get(run.id)?.get(metric) ?? [])
  return (
    <span role="gridcell" className="media-metric">
      <h2>
        <Name>{metric}</Name>
      </h2>
      <span className="faint">
        {items.length === runs.length
          ? plural(items.length, 'run')
          : `${items.length} of ${plural(runs.length, 'run')}`}
      </span>
    </span>
  )
}

function StripHead({ run, item, place }: { run: Run; item: MediaItem | undefined; place: number }) {
  return (
    <>
      <span className="media-run">
        <RunDot color={run.color} />
        <Name>{run.name}</Name>
      </span>
      {item && <StepNote item={item} place={place} />}
    </>
  )
}

/** Which step is shown, if it is not the slider's. */
export function StepNote({ item, place }: { item: MediaItem; place: number }): ReactNode {
  if (item.x === place) return null
  return (
    <span className="media-note is-other" title={`Nothing was logged at ${place}; this is the last before`}>
      step {formatNumber(item.step)}
    </span>
  )
}

type GridCellProps = MediaGridProps & { run: Run; metric: string; index: number; left: number }

function GridCell(props: GridCellProps) {
  const { run, metric, index, left, media, layout, size, place, a, b, onAssign } = props
  const item = media.get(run.id)?.get(metric)
  const medium = item?.media[index]
  const slot: Slot = { run: run.id, key: metric, index, step: null }
  if (!item || !medium) {
    const says = layout === 'columns' && index === 0 ? absence(run.id, metric, props) : null
    return (
      says !== null && (
        <span role="gridcell" className="media-none faint" style={{ left, width: size, height: size }}>
          {says}
        </span>
      )
    )
  }
  return (
    <MediaCell
      medium={medium}
      kind={item.kind}
      name={`${metric} ${index} of ${run.name}, step ${item.step}`}
      note={layout === 'columns' ? <StepNote item={item} place={place} /> : null}
      mark={isSameMedium(a, slot) ? 'A' : isSameMedium(b, slot) ? 'B' : null}
      slot={slot}
      left={left}
      size={size}
      onAssign={onAssign}
    />
  )
}

function absence(run: string, metric: string, { notches, place, exact }: MediaGridProps): string {
  if (notches === null) return ''
  if (notches.find(run, metric) === null) return 'Never logged'
  return `Nothing ${exact ? 'at' : 'up to'} ${formatNumber(place)}`
}
