/** Left column: the runs that are compared, runs to add, and the metrics whose media are shown. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, useState, type RefObject } from 'react'
import { runsQuery, type ProjectRef } from '../../api/queries'
import { toQuery } from '../../core/filter'
import { formatNumber, plural } from '../../core/format'
import type { MediaKey } from '../../core/mediaSteps'
import { nameMatcher } from '../../core/sections'
import type { Run } from '../../core/types'
import { DEFAULT_SORT } from '../../core/view'
import { IconButton } from '../../ui/Button'
import { RunDot } from '../../ui/RunDot'
import { Search } from '../../ui/Search'
import { ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'

/** Whether a run has media at the slider's place. */
export type Presence = 'here' | 'before' | 'none'

interface ChooserProps {
  at: ProjectRef
  chosen: readonly Run[]
  /** Ids that were chosen and are not there. */
  missing: readonly string[]
  presenceOf: (run: string) => Presence
  keys: readonly MediaKey[]
  shownKeys: readonly string[]
  findField: RefObject<HTMLInputElement | null>
  onRuns: (runs: string[]) => void
  onKeys: (keys: string[]) => void
}

const ROW = 28
/** Fewer metrics than this are seen at a glance. */
const MANY_KEYS = 8
const MARKS: Readonly<Record<Presence, readonly [string, string]>> = {
  here: ['●', 'has media at this step'],
  before: ['◐', 'shows an earlier step'],
  none: ['○', 'has no media up to this step'],
}

export function Chooser(props: ChooserProps) {
  const { at, chosen, missing, presenceOf, onRuns } = props
  const ids = [...chosen.map((run) => run.id), ...missing]
  const without = (id: string): string[] => ids.filter((other) => other !== id)
  return (
    <aside className="chooser" aria-label="What is compared">
      <section aria-label="Compared runs" className="chooser-part is-chosen">
        <header className="chooser-head">
          <h2>{plural(ids.length, 'run')}</h2>
          <span className="topbar-space" />
          {ids.length > 0 && (
            <button type="button" className="link" onClick={() => onRuns([])}>
              Clear
            </button>
          )}
        </header>
        <ul className="chooser-list">
          {chosen.map((run) => {
            const presence = presenceOf(run.id)
            const [mark, words] = MARKS[presence]
            return (
              <li key={run.id} className="chosen-run">
                <RunDot color={run.color} />
                <Link to="/$entity/$project/runs/$run" params={{ ...at, run: run.id }} className="run-link">
                  <Name>{run.name}</Name>
                </Link>
                <span className={`presence is-${presence}`} role="img" aria-label={words} title={words}>
                  {mark}
                </span>
                <IconButton
                  icon="close"
                  label={`Remove ${run.name}`}
                  className="is-small"
                  onClick={() => onRuns(without(run.id))}
                />
              </li>
            )
          })}
          {missing.map((id) => (
            <li key={id} className="chosen-run faint">
              <span className="clip">
                <bdi className="mono">{id}</bdi> is not there
              </span>
              <span />
              <IconButton
                icon="close"
                label={`Remove ${id}`}
                className="is-small"
                onClick={() => onRuns(without(id))}
              />
            </li>
          ))}
        </ul>
      </section>
      <AllRuns at={at} chosen={ids} findField={props.findField} onRuns={onRuns} />
      <Keys {...props} />
    </aside>
  )
}

interface AllRunsProps {
  at: ProjectRef
  chosen: readonly string[]
  findField: RefObject<HTMLInputElement | null>
  onRuns: (runs: string[]) => void
}

function AllRuns({ at, chosen, findField, onRuns }: AllRunsProps) {
  const [find, setFind] = useState('')
  const query = useInfiniteQuery(runsQuery(at, { q: toQuery(find), sort: DEFAULT_SORT, columns: [] }))
  const { hasNextPage, isFetchingNextPage, fetchNextPage, data } = query
  const rows = data?.pages.flatMap((page) => page.items) ?? []
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= rows.length - 20) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, last, rows.length])
  const isChosen = new Set(chosen)
  return (
    <section aria-label="All runs" className="chooser-part is-all">
      <div className="chooser-tools">
        <Search
          ref={findField}
          label="Find runs"
          placeholder="Add runs"
          hotkey="/"
          value={find}
          onChange={setFind}
        />
      </div>
      {query.error && rows.length === 0 ? (
        <ErrorNote
          what="The runs could not be listed"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      ) : query.isPending ? (
        <SkeletonRows rows={6} label="Loading runs" />
      ) : (
        <div ref={scroller} className="chooser-scroller">
          <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
            {items.map(({ index, start }) => {
              const run = rows[index]
              if (!run) return null
              const checked = isChosen.has(run.id)
              return (
                <label key={run.id} className="choice" style={{ transform: `translateY(${start}px)` }}>
                  <input
                    type="checkbox"
                    checked={checked}
                    onChange={() =>
                      onRuns(checked ? chosen.filter((id) => id !== run.id) : [...chosen, run.id])
                    }
                  />
                  <RunDot color={run.color} />
                  <Name>{run.name}</Name>
                </label>
              )
            })}
          </div>
          {rows.length === 0 && <p className="run-none">{find === '' ? 'No run yet' : 'No run matches'}</p>}
        </div>
      )}
    </section>
  )
}

function Keys({ keys, shownKeys, onKeys }: ChooserProps) {
  const [find, setFind] = useState('')
  const matcher = nameMatcher(find)
  const isShown = new Set(shownKeys)
  const listed = new Set(keys.map(({ metric }) => metric))
  // What the address names stays in the list, also while no chosen run has it.
  const all = [
    ...keys,
    ...shownKeys
      .filter((key) => !listed.has(key))
      .map((metric) => ({ metric, kinds: [], runs: 0, points: 0 })),
  ]
  const found = all.filter(({ metric }) => matcher.test(metric))
  const toggle = (metric: string): void =>
    onKeys(
      // In the order of the list, wherever one begins.
      all.map((key) => key.metric).filter((key) => isShown.has(key) !== (key === metric)),
    )
  return (
    <section aria-label="Media" className="chooser-part is-keys">
      <header className="chooser-head">
        <h2>Media</h2>
        {all.length > 0 && (
          <span className="faint">
            {formatNumber(isShown.size)} of {formatNumber(all.length)}
          </span>
        )}
        <span className="topbar-space" />
        {found.length > 1 && (
          <button
            type="button"
            className="link"
            onClick={() => onKeys(isShown.size < found.length ? found.map(({ metric }) => metric) : [])}
          >
            {isShown.size < found.length ? 'All' : 'None'}
          </button>
        )}
      </header>
      {all.length > MANY_KEYS && (
        <div className="chooser-tools">
          <Search label="Find media" placeholder="Find media" value={find} onChange={setFind} />
        </div>
      )}
      <div className="chooser-scroller">
        {found.map(({ metric, kinds, runs }) => (
          <label key={metric} className="choice is-static">
            <input type="checkbox" checked={isShown.has(metric)} onChange={() => toggle(metric)} />
            <Name>{metric}</Name>
            <span className="faint choice-note" title={`Logged by ${plural(runs, 'run')}`}>
              {kinds.join(', ')}
            </span>
          </label>
        ))}
        {all.length === 0 && <p className="run-none">No media logged by these runs</p>}
      </div>
    </section>
  )
}
