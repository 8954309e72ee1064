/** A project: its runs beside a grid of live charts. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { ApiError } from '../../api/http'
import { projectQuery, type ProjectRef } from '../../api/queries'
import { highlightRun } from '../../charts/sync'
import { tooltip } from '../../charts/tooltip'
import { toQuery } from '../../core/filter'
import type { Run } from '../../core/types'
import { encodeList } from '../../core/view'
import type { PanelContext } from '../../panels/context'
import { CatalogueFoot } from '../../panels/CatalogueFoot'
import { FullScreenPanel } from '../../panels/FullScreenPanel'
import { PanelGrid } from '../../panels/PanelGrid'
import { useCatalogue } from '../../panels/useCatalogue'
import { useView } from '../../panels/useView'
import { useZoom } from '../../panels/useZoom'
import { Button } from '../../ui/Button'
import { useKeys } from '../../ui/keys'
import { EmptyState, ErrorNote } from '../../ui/States'
import { RunList } from './RunList'
import { Toolbar } from './Toolbar'
import { useRunKeys } from './useRunKeys'
import { useRunRows } from './useRunRows'
import { useStoredSet } from './useHidden'
import { usePlace } from '../../ui/usePlace'

/** Runs that are compared while none is selected. */
const MOST_COMPARED = 5

export function WorkspacePage() {
  const { entity = '', project = '' } = usePlace()
  const at = useMemo(() => ({ entity, project }), [entity, project])
  const [view, setView] = useView()
  const zoom = useZoom(setView)
  const navigate = useNavigate()
  const filterField = useRef<HTMLInputElement>(null)
  const findField = useRef<HTMLInputElement>(null)
  const [listShown, setListShown] = useState(true)
  const [hidden, setHidden] = useStoredSet(`kymograph.hidden:${entity}/${project}`)
  const [closed, setClosed] = useStoredSet(`kymograph.closed:${entity}/${project}`)

  const column = view.cols !== '' ? view.cols : sortedValue(view.sort)
  const spec = useMemo(
    () => ({ q: toQuery(view.q), sort: view.sort, columns: column === '' ? [] : [column] }),
    [view.q, view.sort, column],
  )
  const list = useRunRows(at, spec)
  const catalogue = useCatalogue(
    useMemo(() => ({ kind: 'project', at }), [at]),
    view.find,
  )

  useEffect(() => () => highlightRun(null), [])
  useEffect(() => {
    document.title = `${project} · Kymograph`
  }, [project])

  const shownRuns = useMemo(() => list.rows.filter((run) => !hidden.has(run.id)), [list.rows, hidden])
  // Panels depend on identity and colour only; a changed step or summary value is no news to them.
  const panelKey = JSON.stringify(shownRuns.map((run) => [run.id, run.name, run.color, run.state]))
  const panelRuns = useMemo(
    () =>
      (JSON.parse(panelKey) as [string, string, number, Run['state']][]).map(([id, name, color, state]) => ({
        id,
        name,
        color,
        state,
      })),
    [panelKey],
  )
  const { ownAxes } = catalogue
  const context = useMemo<PanelContext>(
    () => ({ at, runs: panelRuns, stream: 'history', view, setView, zoom, ownAxes }),
    [at, panelRuns, view, setView, zoom, ownAxes],
  )

  const onEye = useCallback(
    (run: Run, only: boolean) => {
      if (only) {
        const alone = !hidden.has(run.id) && list.rows.every((row) => row.id === run.id || hidden.has(row.id))
        setHidden(alone ? new Set() : new Set(list.rows.map((row) => row.id).filter((id) => id !== run.id)))
        return
      }
      const next = new Set(hidden)
      if (!next.delete(run.id)) next.add(run.id)
      setHidden(next)
    },
    [hidden, list.rows, setHidden],
  )
  const compared = useCallback(
    () => (view.sel.length > 0 ? view.sel : panelRuns.slice(0, MOST_COMPARED).map((run) => run.id)),
    [view.sel, panelRuns],
  )
  const onCompare = useCallback(() => {
    const find: Record<string, string> = view.find === '' ? {} : { find: view.find }
    void navigate({
      to: '/$entity/$project/compare',
      params: { entity, project },
      search: { runs: encodeList(compared()), ...find },
    })
  }, [navigate, entity, project, view.find, compared])
  const onCompareMedia = useCallback(() => {
    void navigate({
      to: '/$entity/$project/media',
      params: { entity, project },
      search: { runs: encodeList(compared()) },
    })
  }, [navigate, entity, project, compared])

  const keys = useRunKeys({ rows: list.rows, view, setView, onEye })
  useKeys({
    ...keys.map,
    '/': () => filterField.current?.focus(),
    f: () => findField.current?.focus(),
    c: onCompare,
    m: onCompareMedia,
    '.': list.showNew,
    'Ctrl+.': () => setListShown((shown) => !shown),
    '0': zoom.reset,
    Escape: () => {
      if (!tooltip().release()) setView({ sel: [] })
    },
    'g p': () => void navigate({ to: '/' }),
    'g w': () => undefined,
  })

  const found = useMemo(() => catalogue.batches.flat(), [catalogue.batches])
  // Not found and forbidden concern the whole page; one note says so.
  const lost = list.rows.length === 0 && catalogue.items.length === 0 ? list.error : null
  if (lost instanceof ApiError && lost.status !== 401) {
    return (
      <div className="page-middle">
        <ErrorNote what="This project could not be opened" error={lost} onRetry={list.retry} />
      </div>
    )
  }
  const noneMatches = view.q !== '' && !list.loading && list.rows.length === 0
  return (
    <div className={`workspace ${listShown ? '' : 'is-alone'}`}>
      <h1 className="visually-hidden">
        <bdi>{project}</bdi>
      </h1>
      {listShown && (
        <RunList
          list={list}
          view={view}
          setView={setView}
          hidden={hidden}
          shown={shownRuns.length}
          column={column}
          focused={keys.focused}
          at={at}
          filterField={filterField}
          onEye={onEye}
          onHover={(run) => {
            keys.onHover(run)
            highlightRun(run?.id ?? null)
          }}
          onShowAll={() => setHidden(new Set())}
          onCompare={onCompare}
          onCompareMedia={onCompareMedia}
        />
      )}
      <div className="workspace-charts">
        <Toolbar
          view={view}
          setView={setView}
          zoom={zoom}
          catalogue={catalogue}
          findField={findField}
          listShown={listShown}
          onToggleList={() => setListShown(!listShown)}
        />
        <div className="scroller" data-scroller tabIndex={-1}>
          {catalogue.error && catalogue.items.length === 0 ? (
            <ErrorNote
              what="The metrics could not be listed"
              error={catalogue.error}
              onRetry={catalogue.retry}
            />
          ) : noneMatches ? (
            <EmptyState title="No run matches the filter">
              <Button onClick={() => setView({ q: '' })}>Clear the filter</Button>
            </EmptyState>
          ) : found.length > 0 ? (
            <PanelGrid
              catalogue={catalogue}
              context={context}
              closed={closed}
              onToggle={(section) => {
                const next = new Set(closed)
                if (!next.delete(section)) next.add(section)
                setClosed(next)
              }}
            />
          ) : (
            !catalogue.loading && <NoPanels at={at} find={view.find} drawable={catalogue.drawable} />
          )}
          <CatalogueFoot catalogue={catalogue} shown={found.length} place="see a run’s files" />
        </div>
      </div>
      {view.panel !== null && <FullScreenPanel metric={view.panel} metrics={found} context={context} />}
    </div>
  )
}

function NoPanels({ at, find, drawable }: { at: ProjectRef; find: string; drawable: number }) {
  const project = useQuery(projectQuery(at))
  if (project.error) {
    return <ErrorNote what="This project could not be opened" error={project.error} />
  }
  if (drawable > 0) {
    return (
      <EmptyState title="No panel matches">
        <p>
          Nothing is called like <bdi className="mono">{find}</bdi>.
        </p>
      </EmptyState>
    )
  }
  if (project.data === undefined) return null
  const running = project.data.running_count > 0
  return (
    <EmptyState title={running ? 'Running, nothing logged yet' : 'Nothing logged yet'}>
      <p>Charts appear here with the first number a run logs.</p>
    </EmptyState>
  )
}

/** The sort key as a column, when it is a logged value. */
function sortedValue(sort: string): string {
  const key = sort.replace(/^-/, '').split(',')[0] ?? ''
  return /^(config|summary)\./.test(key) ? key : ''
}
