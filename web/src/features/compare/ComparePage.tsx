/** Several runs side by side: overlaid charts, then what differs in config and summary. */

import { useQueries } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import { runQuery } from '../../api/queries'
import { highlightRun } from '../../charts/sync'
import { tooltip } from '../../charts/tooltip'
import { diffMaps, type DiffRow } from '../../core/diff'
import { decodeLoggedMap } from '../../core/exact'
import { formatNumber, plural } from '../../core/format'
import type { RunDetail } from '../../core/types'
import { encodeList, listOf } from '../../core/view'
import { FindPanels, LineControls } from '../../panels/ChartControls'
import { CatalogueFoot } from '../../panels/CatalogueFoot'
import type { PanelContext } from '../../panels/context'
import { FullScreenPanel } from '../../panels/FullScreenPanel'
import { PanelGrid } from '../../panels/PanelGrid'
import { useCatalogue } from '../../panels/useCatalogue'
import { useView } from '../../panels/useView'
import { useZoom } from '../../panels/useZoom'
import { Button, IconButton } from '../../ui/Button'
import { useKeys } from '../../ui/keys'
import { RunDot } from '../../ui/RunDot'
import { EmptyState, ErrorNote } from '../../ui/States'
import { Name } from '../../ui/Text'
import { Value } from '../../ui/Value'
import { useAddress, usePlace } from '../../ui/usePlace'

export function ComparePage() {
  const { entity = '', project = '' } = usePlace()
  const at = useMemo(() => ({ entity, project }), [entity, project])
  const search = useAddress()
  const navigate = useNavigate()
  const [view, setView] = useView()
  const zoom = useZoom(setView)
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [onlyDiffers, setOnlyDiffers] = useState(true)
  const findField = useRef<HTMLInputElement>(null)
  const ids = useMemo(() => listOf(search['runs']), [search])
  const queries = useQueries({ queries: ids.map((run) => runQuery({ ...at, run })) })
  const catalogue = useCatalogue(
    useMemo(() => ({ kind: 'runs', at, runs: ids }), [at, ids]),
    view.find,
    view.panel,
  )
  const runs = queries.flatMap((query) => query.data ?? [])
  const failed = queries.find((query) => query.error)
  const runKey = JSON.stringify(runs.map((run) => [run.id, run.name, run.color, run.state]))

  const { ownAxes } = catalogue
  const found = useMemo(() => catalogue.batches.flat(), [catalogue.batches])
  const context = useMemo<PanelContext>(
    () => ({
      at,
      runs: (JSON.parse(runKey) as [string, string, number, RunDetail['state']][]).map(
        ([id, name, color, state]) => ({
          id,
          name,
          color,
          state,
        }),
      ),
      stream: 'history',
      view,
      setView,
      zoom,
      ownAxes,
    }),
    [at, runKey, view, setView, zoom, ownAxes],
  )
  useEffect(() => {
    document.title = `Compare · ${project} · Kymograph`
  }, [project])
  const back = (): void => {
    void navigate({ to: '/$entity/$project', params: at, search: { sel: encodeList(ids) } })
  }
  useKeys({
    f: () => findField.current?.focus(),
    '0': zoom.reset,
    'g w': back,
    Escape: () => {
      if (!tooltip().release()) back()
    },
  })

  if (ids.length === 0) {
    return (
      <EmptyState title="No runs to compare">
        <p>
          Select runs in the{' '}
          <Link to="/$entity/$project" params={at}>
            workspace
          </Link>{' '}
          with <kbd>x</kbd>, then press <kbd>c</kbd>.
        </p>
      </EmptyState>
    )
  }
  const remove = (id: string): void => {
    void navigate({
      to: '.',
      search: { ...search, runs: encodeList(ids.filter((other) => other !== id)) },
    })
  }
  return (
    <div className="compare">
      <div className="toolbar" role="toolbar" aria-label="Compare">
        <h1 className="toolbar-title">Compare {plural(ids.length, 'run')}</h1>
        <FindPanels view={view} setView={setView} field={findField} catalogue={catalogue} />
        <span className="toolbar-space" />
        <LineControls view={view} setView={setView} />
        <Button
          icon="image"
          onClick={() =>
            void navigate({
              to: '/$entity/$project/media',
              params: at,
              search: { runs: encodeList(ids) },
            })
          }
        >
          Media
        </Button>
        <Button onClick={back}>Back to workspace</Button>
      </div>
      <div className="scroller" data-scroller tabIndex={-1}>
        {failed?.error && <ErrorNote what="A run could not be opened" error={failed.error} />}
        <ul className="compare-legend" aria-label="Runs">
          {runs.map((run) => (
            <li
              key={run.id}
              className="chip"
              onPointerEnter={() => highlightRun(run.id)}
              onPointerLeave={() => highlightRun(null)}
            >
              <RunDot color={run.color} />
              <Link to="/$entity/$project/runs/$run" params={{ ...at, run: run.id }}>
                <Name>{run.name}</Name>
              </Link>
              <IconButton
                icon="close"
                label={`Remove ${run.name}`}
                className="is-small"
                onClick={() => remove(run.id)}
              />
            </li>
          ))}
        </ul>
        {found.length > 0 && runs.length > 0 && (
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
        )}
        <CatalogueFoot catalogue={catalogue} shown={found.length} place="see a run’s files" />
        <div className="compare-tables">
          <div className="compare-switch">
            <Button pressed={onlyDiffers} onClick={() => setOnlyDiffers(!onlyDiffers)}>
              Only what differs
            </Button>
          </div>
          <DiffTable title="Config" runs={runs} of={(run) => run.config} onlyDiffers={onlyDiffers} />
          <DiffTable title="Summary" runs={runs} of={(run) => run.summary} onlyDiffers={onlyDiffers} />
        </div>
      </div>
      {view.panel !== null && <FullScreenPanel metric={view.panel} metrics={found} context={context} />}
    </div>
  )
}

interface DiffTableProps {
  title: string
  runs: readonly RunDetail[]
  of: (run: RunDetail) => unknown
  onlyDiffers: boolean
}

const MOST_ROWS = 500

function DiffTable({ title, runs, of, onlyDiffers }: DiffTableProps) {
  const rows = diffMaps(runs.map((run) => decodeLoggedMap(of(run))))
  const shown = onlyDiffers ? rows.filter((row) => row.differs) : rows
  const same = rows.length - rows.filter((row) => row.differs).length
  return (
    <section className="card" aria-label={title}>
      <header className="card-head">
        <h2>
          {title} <span className="faint">{formatNumber(shown.length)}</span>
        </h2>
        {onlyDiffers && same > 0 && <span className="faint">{formatNumber(same)} equal, not shown</span>}
      </header>
      {shown.length === 0 ? (
        <p className="card-empty faint">{rows.length === 0 ? 'No values.' : 'No difference.'}</p>
      ) : (
        <div className="data-table is-diff" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Key</th>
                {runs.map((run) => (
                  <th key={run.id} scope="col">
                    <RunDot color={run.color} />
                    <Name>{run.name}</Name>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, MOST_ROWS).map((row) => (
                <DiffLine key={row.key} row={row} />
              ))}
            </tbody>
          </table>
          {shown.length > MOST_ROWS && (
            <p className="faint">{formatNumber(shown.length - MOST_ROWS)} more keys differ</p>
          )}
        </div>
      )}
    </section>
  )
}

function DiffLine({ row }: { row: DiffRow }) {
  return (
    <tr className={row.differs ? 'is-different' : ''}>
      <th scope="row">
        <Name>{row.key}</Name>
      </th>
      {row.values.map((value, index) => (
        <td key={index}>
          <Value value={value} />
        </td>
      ))}
    </tr>
  )
}
