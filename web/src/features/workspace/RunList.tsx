/** The run list beside the charts: filter, sort, one value, eyes and selection. */

import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, type RefObject } from 'react'
import { highlightRun } from '../../charts/sync'
import { formatNumber, plural } from '../../core/format'
import type { ProjectRef } from '../../api/queries'
import type { Run } from '../../core/types'
import { DEFAULT_SORT, type WorkspaceView } from '../../core/view'
import type { SetView } from '../../panels/useView'
import { Button, IconButton } from '../../ui/Button'
import type { KeyGroup } from '../../ui/KeyPicker'
import { Popover } from '../../ui/Popover'
import { Search } from '../../ui/Search'
import { ErrorNote, SkeletonRows } from '../../ui/States'
import { RunKeyPicker } from './RunKeyPicker'
import { RunRow } from './RunRow'
import type { RunRows } from './useRunRows'

interface RunListProps {
  list: RunRows
  view: WorkspaceView
  setView: SetView
  hidden: ReadonlySet<string>
  shown: number
  column: string
  focused: string | null
  at: ProjectRef
  filterField: RefObject<HTMLInputElement | null>
  onEye: (run: Run, only: boolean) => void
  onHover: (run: Run | null) => void
  onShowAll: () => void
  onCompare: () => void
  onCompareMedia: () => void
}

const ROW = 28
const FIELDS: KeyGroup = {
  title: 'Run',
  keys: [
    { key: 'created_at', label: 'Created' },
    { key: 'name', label: 'Name' },
    { key: 'state', label: 'State' },
    { key: 'duration', label: 'Duration' },
    { key: 'heartbeat_at', label: 'Last heartbeat' },
    { key: 'group', label: 'Group' },
  ],
}

const AS_SORTED: KeyGroup = { title: 'Value beside the name', keys: [{ key: '', label: 'As sorted' }] }

export function RunList(props: RunListProps) {
  const { list, view, setView, hidden, shown, column, focused, at, onEye, onHover } = props
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: list.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  const { hasMore, loadMore } = list
  useEffect(() => {
    if (hasMore && last >= list.rows.length - 20) loadMore()
  }, [hasMore, loadMore, last, list.rows.length])

  const focusedIndex = list.rows.findIndex((run) => run.id === focused)
  useEffect(() => {
    if (focusedIndex >= 0) virtual.scrollToIndex(focusedIndex, { align: 'auto' })
  }, [focusedIndex, virtual])

  const selected = new Set(view.sel)
  return (
    <aside className="run-list" aria-label="Runs">
      {selected.size > 0 ? (
        <div className="run-list-head is-selection" role="toolbar" aria-label="Selected runs">
          <strong>{formatNumber(selected.size)} selected</strong>
          <Button look="primary" onClick={props.onCompare} title="Compare (c)">
            Compare
          </Button>
          <Button onClick={props.onCompareMedia} title="Compare media (m)">
            Compare media
          </Button>
          <span className="topbar-space" />
          <IconButton icon="close" label="Clear the selection (Esc)" onClick={() => setView({ sel: [] })} />
        </div>
      ) : (
        <div className="run-list-head">
          <strong>{plural(list.total, 'run')}</strong>
          <span className="faint">· {formatNumber(shown)} shown</span>
          <span className="topbar-space" />
          {shown < list.rows.length && (
            <button type="button" className="link" onClick={props.onShowAll}>
              Show all
            </button>
          )}
        </div>
      )}
      <div className="run-list-tools">
        <Search
          ref={props.filterField}
          label="Filter runs"
          placeholder="Filter: words, or state = running"
          hotkey="/"
          value={view.q}
          onChange={(q) => setView({ q }, 'replace')}
        />
      </div>
      <div className="run-list-tools is-low">
        <SortPicker view={view} setView={setView} sample={list.rows[0]} at={at} />
        <Popover
          label="Value beside the name"
          className="is-bare"
          content={(close) => (
            <RunKeyPicker
              first={AS_SORTED}
              sample={list.rows[0]}
              at={at}
              current={view.cols}
              onPick={(key) => setView({ cols: key })}
              onDone={close}
            />
          )}
        >
          <span className="clip">{column === '' ? 'Value' : labelOf(column)}</span>
        </Popover>
      </div>
      {list.error && list.rows.length === 0 ? (
        <ErrorNote what="The runs could not be listed" error={list.error} onRetry={list.retry} />
      ) : list.loading ? (
        <SkeletonRows rows={12} label="Loading runs" />
      ) : (
        <div
          ref={scroller}
          className="run-scroller"
          role="grid"
          aria-label="Runs"
          aria-rowcount={list.total}
          aria-multiselectable="true"
          tabIndex={0}
        >
          <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
            {items.map(({ index, start }) => {
              const run = list.rows[index]
              return (
                run && (
                  <RunRow
                    key={run.id}
                    run={run}
                    index={index}
                    top={start}
                    hidden={hidden.has(run.id)}
                    selected={selected.has(run.id)}
                    focused={run.id === focused}
                    column={column}
                    onEye={onEye}
                    onHover={onHover}
                  />
                )
              )
            })}
          </div>
          {list.rows.length === 0 && (
            <div className="run-none">
              {view.q === '' ? (
                'No run yet'
              ) : (
                <>
                  No run matches{' '}
                  <button type="button" className="link" onClick={() => setView({ q: '' })}>
                    Clear the filter
                  </button>
                </>
              )}
            </div>
          )}
        </div>
      )}
      <footer className="run-list-foot" onPointerEnter={() => highlightRun(null)}>
        {list.fresh > 0 ? (
          <>
            {plural(list.fresh, 'new run')}
            <button type="button" className="link" onClick={list.showNew}>
              show <kbd>.</kbd>
            </button>
          </>
        ) : (
          <span>{loadedText(list)}</span>
        )}
      </footer>
    </aside>
  )
}

interface SortPickerProps {
  view: WorkspaceView
  setView: SetView
  sample: Run | undefined
  at: ProjectRef
}

function SortPicker({ view, setView, sample, at }: SortPickerProps) {
  const descending = view.sort.startsWith('-')
  const key = view.sort.replace(/^-/, '')
  const field = FIELDS.keys.find((candidate) => candidate.key === key)
  const flip = (): void => setView({ sort: descending ? key : `-${key}` })
  return (
    <span className="run-sort">
      <Popover
        label="Sort runs"
        className="is-bare"
        content={(close) => (
          <RunKeyPicker
            first={FIELDS}
            sample={sample}
            at={at}
            current={key}
            onPick={(next) => setView({ sort: next === 'created_at' ? DEFAULT_SORT : next })}
            onDone={close}
          />
        )}
      >
        <span className="clip">Sort: {field?.label ?? labelOf(key)}</span>
      </Popover>
      <button
        type="button"
        className="icon-button is-small"
        aria-label={descending ? 'Descending: switch to ascending' : 'Ascending: switch to descending'}
        title={descending ? 'Descending' : 'Ascending'}
        onClick={flip}
      >
        {descending ? '↓' : '↑'}
      </button>
    </span>
  )
}

function loadedText({ rows, total, loading, error }: RunRows): string {
  if (loading || total === 0) return ''
  if (error) return `Not refreshed: ${error.message}`
  return rows.length < total
    ? `${formatNumber(rows.length)} of ${formatNumber(total)} loaded`
    : 'All runs loaded'
}

function labelOf(key: string): string {
  return key.replace(/^(config|summary)\./, '')
}
