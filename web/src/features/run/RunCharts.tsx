/** Charts of one run: its metrics, or the machine's. */

import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { runMetricsQuery, runSystemQuery, type RunRef } from '../../api/queries'
import { useLive } from '../../api/useLive'
import { plural } from '../../core/format'
import { nameMatcher } from '../../core/sections'
import { RUNNING_STATES, type RunDetail } from '../../core/types'
import { FindPanels, LineControls, X_CHOICES, XAxisControls } from '../../panels/ChartControls'
import { ownAxesOf, type PanelContext } from '../../panels/context'
import { FullScreenPanel } from '../../panels/FullScreenPanel'
import { PanelGrid } from '../../panels/PanelGrid'
import { useView } from '../../panels/useView'
import { useZoom } from '../../panels/useZoom'
import { useKeys } from '../../ui/keys'
import { EmptyState, ErrorNote } from '../../ui/States'

interface RunChartsProps {
  at: RunRef
  run: RunDetail
  stream: 'history' | 'system'
}

const CATALOGUE_MS = 4000

export function RunCharts({ at, run, stream }: RunChartsProps) {
  const [asked, setView] = useView()
  const zoom = useZoom(setView)
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const findField = useRef<HTMLInputElement>(null)
  const catalogue = useCatalogue(at, stream)
  // Machine samples have no step.
  const view = useMemo(
    () => (stream === 'system' && asked.x === 'step' ? { ...asked, x: 'relative' as const } : asked),
    [asked, stream],
  )
  const { id, name, color, state } = run
  const context = useMemo<PanelContext>(
    () => ({
      at: { entity: at.entity, project: at.project },
      runs: [{ id, name, color, state }],
      stream,
      view,
      setView,
      zoom,
      ownAxes: catalogue.ownAxes,
    }),
    [at.entity, at.project, id, name, color, state, stream, view, setView, zoom, catalogue.ownAxes],
  )
  useKeys({ f: () => findField.current?.focus(), '0': zoom.reset })

  const matcher = nameMatcher(view.find)
  const found = catalogue.names.filter((metric) => matcher.test(metric))
  const choices = stream === 'system' ? X_CHOICES.slice(1) : X_CHOICES
  return (
    <div className="run-charts">
      <div className="toolbar" role="toolbar" aria-label="Charts">
        <FindPanels view={view} setView={setView} field={findField} />
        <span className="toolbar-space" />
        <XAxisControls view={view} setView={setView} zoom={zoom} choices={choices} />
        <LineControls view={view} setView={setView} />
      </div>
      <div className="scroller" data-scroller tabIndex={-1}>
        {catalogue.error && catalogue.names.length === 0 ? (
          <ErrorNote
            what="The metrics could not be listed"
            error={catalogue.error}
            onRetry={catalogue.retry}
          />
        ) : found.length > 0 ? (
          <PanelGrid
            metrics={found}
            context={context}
            closed={closed}
            onToggle={(section) => {
              const next = new Set(closed)
              if (!next.delete(section)) next.add(section)
              setClosed(next)
            }}
          />
        ) : (
          !catalogue.loading && (
            <EmptyState title={view.find === '' ? nothing(stream, run) : 'No panel matches'} />
          )
        )}
        {catalogue.others > 0 && (
          <p className="grid-foot faint">
            {plural(catalogue.others, 'key')} hold media or text: see the files.
          </p>
        )}
      </div>
      {view.panel !== null && <FullScreenPanel metric={view.panel} metrics={found} context={context} />}
    </div>
  )
}

interface Catalogue {
  names: readonly string[]
  ownAxes: ReadonlyMap<string, string>
  others: number
  loading: boolean
  error: Error | null
  retry: () => void
}

function useCatalogue(at: RunRef, stream: 'history' | 'system'): Catalogue {
  const history = useQuery({ ...runMetricsQuery(at), enabled: stream === 'history' })
  const system = useQuery({ ...runSystemQuery(at), enabled: stream === 'system' })
  const query = stream === 'history' ? history : system
  const { refetch } = query
  const timer = useRef(0)
  useEffect(() => () => window.clearTimeout(timer.current), [])
  useLive(at, (batch) => {
    const changed = stream === 'history' ? batch.history.has(at.run) : batch.system.has(at.run)
    if ((!changed && !batch.caughtUp) || timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void refetch({ cancelRefetch: false })
    }, CATALOGUE_MS)
  })
  return useMemo(() => {
    const metrics = history.data?.items ?? []
    const drawable = metrics.filter(
      ({ kind, hidden, name }) =>
        (kind === 'number' || kind === 'boolean') && !hidden && !name.startsWith('_'),
    )
    return {
      ownAxes: ownAxesOf(metrics),
      names:
        stream === 'system'
          ? (system.data?.items ?? []).map(({ name }) => name)
          : drawable.map(({ name }) => name),
      others:
        stream === 'system'
          ? 0
          : metrics.filter(({ kind, hidden }) => kind !== 'number' && kind !== 'boolean' && !hidden).length,
      loading: query.isPending,
      error: query.error,
      retry: () => void refetch(),
    }
  }, [history.data, system.data, stream, query.isPending, query.error, refetch])
}

function nothing(stream: 'history' | 'system', run: RunDetail): string {
  if (stream === 'system') return 'No machine metrics were sampled'
  return RUNNING_STATES.has(run.state) ? 'Running, nothing logged yet' : 'This run logged no numbers'
}
