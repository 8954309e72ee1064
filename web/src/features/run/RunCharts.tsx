/** Charts of one run: its metrics, or the machine's. */

import { useMemo, useRef, useState } from 'react'
import type { RunRef } from '../../api/queries'
import { RUNNING_STATES, type RunDetail } from '../../core/types'
import { FindPanels, LineControls, X_CHOICES, XAxisControls } from '../../panels/ChartControls'
import { CatalogueFoot } from '../../panels/CatalogueFoot'
import type { PanelContext } from '../../panels/context'
import { FullScreenPanel } from '../../panels/FullScreenPanel'
import { PanelGrid } from '../../panels/PanelGrid'
import { useCatalogue } from '../../panels/useCatalogue'
import { useView } from '../../panels/useView'
import { useZoom } from '../../panels/useZoom'
import { useKeys } from '../../ui/keys'
import { EmptyState, ErrorNote } from '../../ui/States'

interface RunChartsProps {
  at: RunRef
  run: RunDetail
  stream: 'history' | 'system'
}

export function RunCharts({ at, run, stream }: RunChartsProps) {
  const [asked, setView] = useView()
  const zoom = useZoom(setView)
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const findField = useRef<HTMLInputElement>(null)
  const source = useMemo(
    () => ({ kind: stream === 'system' ? ('system' as const) : ('run' as const), at }),
    [stream, at],
  )
  const catalogue = useCatalogue(source, asked.find, asked.panel)
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

  const found = useMemo(() => catalogue.batches.flat(), [catalogue.batches])
  const choices = stream === 'system' ? X_CHOICES.slice(1) : X_CHOICES
  return (
    <div className="run-charts">
      <div className="toolbar" role="toolbar" aria-label="Charts">
        <FindPanels view={view} setView={setView} field={findField} catalogue={catalogue} />
        <span className="toolbar-space" />
        <XAxisControls view={view} setView={setView} zoom={zoom} choices={choices} />
        <LineControls view={view} setView={setView} />
      </div>
      <div className="scroller" data-scroller tabIndex={-1}>
        {catalogue.error && catalogue.items.length === 0 ? (
          <ErrorNote
            what="The metrics could not be listed"
            error={catalogue.error}
            onRetry={catalogue.retry}
          />
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
          !catalogue.loading && (
            <EmptyState title={view.find === '' ? nothing(stream, run) : 'No panel matches'} />
          )
        )}
        <CatalogueFoot catalogue={catalogue} shown={found.length} place="see the files" />
      </div>
      {view.panel !== null && <FullScreenPanel metric={view.panel} metrics={found} context={context} />}
    </div>
  )
}

function nothing(stream: 'history' | 'system', run: RunDetail): string {
  if (stream === 'system') return 'No machine metrics were sampled'
  return RUNNING_STATES.has(run.state) ? 'Running, nothing logged yet' : 'This run logged no numbers'
}
