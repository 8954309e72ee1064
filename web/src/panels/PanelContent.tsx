/** What a panel near the screen holds: header with badges, chart, foot that says what is drawn. */

import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from 'react'
import { Chart } from '../charts/Chart'
import { hasBands, OWN_BANDS } from '../charts/model'
import { describeX } from '../charts/surface'
import { formatNumber, plural } from '../core/format'
import { fetchSeries } from '../api/queries'
import { RUNNING_STATES, type SeriesRequest } from '../core/types'
import { IconButton } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Menu } from '../ui/Menu'
import { useDelayed } from '../ui/States'
import { Name } from '../ui/Text'
import { DataTable } from './DataTable'
import { downloadCsv, downloadPng } from './export'
import { axisOf, MOST_RUNS, type PanelContext } from './context'
import { Damage, PanelBadges, toggled } from './PanelBadges'
import { damagedRuns, usePanelModel, type DamagedRun, type PanelModel } from './usePanelModel'
import type { Proximity } from './useProximity'
import { useBuckets } from './useBuckets'
import { useSeries } from './useSeries'
import type { ZoomChange } from './useZoom'
import { addNonFinite, nonFiniteWords, pointWords } from './words'

interface PanelContentProps {
  metric: string
  title: string
  context: PanelContext
  large: boolean
  proximity: Proximity
  card: RefObject<HTMLElement | null>
}

export function PanelContent({ metric, title, context, large, proximity, card }: PanelContentProps) {
  const { at, stream, view, setView, zoom } = context
  const readout = useRef<HTMLSpanElement>(null)
  const [held, setHeld] = useState(false)
  const [table, setTable] = useState(false)
  const [problem, setProblem] = useState('')
  const runs = useMemo(() => context.runs.slice(0, MOST_RUNS), [context.runs])
  const live = useMemo(
    () => new Set(runs.filter(({ state }) => RUNNING_STATES.has(state)).map(({ id }) => id)),
    [runs],
  )
  const body = useRef<HTMLDivElement>(null)
  const buckets = useBuckets(body)
  const xKind = axisOf(metric, context)
  const xr = view.xr.get(xKind) ?? null

  const spec = useMemo<SeriesRequest>(
    () => ({
      runs: runs.map((run) => run.id),
      metrics: [metric],
      stream,
      x: xKind,
      min: xr?.[0] ?? null,
      max: xr?.[1] ?? null,
      width: buckets,
    }),
    [runs, metric, stream, xKind, xr, buckets],
  )
  const { data, error, loading, refreshing, retry } = useSeries(at, spec, proximity, live)
  const panel = usePanelModel({
    metric,
    runs,
    data,
    view,
    xKind,
    xr,
    held: held && live.size > 0,
    provisional: refreshing,
  })

  const onZoom = useCallback(
    (ranges: ZoomChange, how: 'new' | 'adjust') => zoom.change(metric, xKind, ranges, how),
    [zoom, metric, xKind],
  )
  const open = useCallback(() => setView({ panel: metric }), [setView, metric])

  const exportCsv = async (): Promise<void> => {
    setProblem('')
    try {
      // The chart's own columns may be rounded to what pixels can show.
      downloadCsv(metric, xKind, runs, await fetchSeries(at, spec, 'double'))
    } catch (failure) {
      setProblem(`Not exported: ${failure instanceof Error ? failure.message : String(failure)}`)
    }
  }

  const ready = panel !== null && !refreshing
  useEffect(() => {
    // For measurements and tests: the card itself does not render with its content.
    if (card.current) card.current.dataset['ready'] = String(ready)
  }, [card, ready])

  return (
    <>
      <header className="panel-head">
        <h3 className="panel-title">
          <Name>{title}</Name>
        </h3>
        {panel && <PanelBadges metric={metric} panel={panel} context={context} />}
        <span ref={readout} className="panel-readout" aria-hidden="true" />
        <span className="panel-controls">
          {!large && <IconButton icon="expand" label="Full screen" className="is-small" onClick={open} />}
          <Menu
            icon="more"
            label={`Panel ${title}`}
            className="is-small"
            items={[
              { label: 'Data as table', onSelect: () => setTable(true), disabled: !panel },
              {
                label: view.full.has(metric) ? 'Clip outliers' : 'Show all outliers',
                onSelect: () => setView((before) => ({ full: toggled(before.full, metric) })),
              },
              {
                label: 'Export CSV',
                onSelect: () => void exportCsv(),
                disabled: !panel,
              },
              {
                label: 'Export PNG',
                onSelect: () => card.current && downloadPng(metric, card.current),
                disabled: !panel,
              },
            ]}
          />
        </span>
        {refreshing && <div className="panel-progress" />}
      </header>
      <div ref={body} className="panel-body">
        {panel && panel.model.lines.length > 0 ? (
          <Chart
            model={panel.model}
            label={sentence(metric, panel)}
            readout={readout}
            onZoom={onZoom}
            onBack={zoom.back}
            onReset={zoom.reset}
            onHold={setHeld}
            {...(large ? {} : { onFullScreen: open })}
          />
        ) : (
          <Instead
            metric={metric}
            error={error}
            retry={retry}
            loading={loading}
            runs={runs.length}
            live={live.size > 0}
            damaged={data ? damagedRuns(data, runs) : []}
          />
        )}
      </div>
      <footer className="panel-foot">
        {problem !== '' ? (
          <span className="is-err">{problem}</span>
        ) : error && panel ? (
          <span className="is-err">
            Not refreshed: {error.message}{' '}
            <button type="button" className="link" onClick={retry}>
              Retry
            </button>
          </span>
        ) : (
          panel && <Foot panel={panel} listed={context.runs.length} view={xKind} />
        )}
      </footer>
      {table && panel && (
        <Dialog title={metric} wide onClose={() => setTable(false)}>
          <DataTable model={panel.model} />
        </Dialog>
      )}
    </>
  )
}

function Foot({ panel, listed, view }: { panel: PanelModel; listed: number; view: string }) {
  const { model, points, buckets } = panel
  const { lines } = model
  const count =
    listed > MOST_RUNS ? `${lines.length} of ${plural(listed, 'run')}` : plural(lines.length, 'run')
  const [first = '', ...rest] = pointWords(points, buckets)
  const band = lines.length > OWN_BANDS ? 'grey = min–max of all' : 'band = min–max'
  const more = [
    ...(hasBands(model) ? [band] : []),
    ...(model.smoothing > 0 ? [`EMA ${model.smoothing}`] : []),
  ]
  return (
    <>
      <span className="panel-foot-text" title={[count, first, ...rest, ...more].join(' · ')}>
        {count} · {first}
        {rest.map((words, index) => (
          // How many buckets is the first thing that a narrow panel leaves out.
          <span key={words} className={index < rest.length - 1 ? 'panel-foot-buckets' : ''}>
            {` · ${words}`}
          </span>
        ))}
        {more.length > 0 && <span className="panel-foot-more"> · {more.join(' · ')}</span>}
      </span>
      {view !== 'step' && <span>{axisName(view)}</span>}
    </>
  )
}

interface InsteadProps {
  metric: string
  error: Error | null
  retry: () => void
  loading: boolean
  runs: number
  live: boolean
  damaged: readonly DamagedRun[]
}

function Instead({ metric, error, retry, loading, runs, live, damaged }: InsteadProps) {
  if (error) {
    return (
      <div className="panel-note" role="alert">
        <p className="is-err">{error.message}</p>
        <button type="button" className="link" onClick={retry}>
          Retry
        </button>
      </div>
    )
  }
  if (runs === 0)
    return <div className="panel-note">No run is shown: switch one on with its eye, or press v</div>
  if (loading) return <LoadingFrame />
  if (damaged.length > 0) {
    return (
      <div className="panel-note" role="alert">
        <Damage damaged={damaged} />
      </div>
    )
  }
  if (live) return <div className="panel-note">Running, nothing logged yet</div>
  return (
    <div className="panel-note">
      No run shown has <bdi className="mono">{metric}</bdi>
    </div>
  )
}

function LoadingFrame() {
  const shown = useDelayed()
  return (
    <div className="panel-frame">
      {shown && <div className="panel-progress" role="status" aria-label="Loading" />}
    </div>
  )
}

/** The chart in one sentence, for those who hear the page. */
function sentence(metric: string, { model, nonFinite, damaged }: PanelModel): string {
  const [low, high] = model.xRange
  const parts = [
    `${metric}, ${plural(model.lines.length, 'run')}`,
    `${describeX(model.xKind, low)} to ${describeX(model.xKind, high)}`,
    `from ${formatNumber(model.y.min)} to ${formatNumber(model.y.max)}`,
  ]
  const [first] = nonFinite
  const found = nonFiniteWords(addNonFinite(nonFinite))
  const notes = [
    ...(first
      ? [`${plural(nonFinite.length, 'run')} with ${found} from ${describeX(model.xKind, first.firstX)}`]
      : []),
    ...(damaged.length > 0 ? [`${plural(damaged.length, 'run')} damaged in part`] : []),
  ]
  return `${[parts.join(', '), ...notes].join('; ')}.`
}

export function axisName(kind: string): string {
  if (kind === 'step') return 'steps'
  if (kind === 'relative') return 'since start'
  if (kind === 'time') return 'local time'
  return kind.replace(/^metric:/, '')
}
