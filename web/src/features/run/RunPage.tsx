/** One run: header and tabs. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { changeRun, deleteRun, runQuery, stopRun, type RunRef } from '../../api/queries'
import { useLive } from '../../api/useLive'
import { tooltip } from '../../charts/tooltip'
import { formatDuration, formatNumber } from '../../core/format'
import { RUNNING_STATES, type RunDetail } from '../../core/types'
import { useNow } from '../../ui/Ago'
import { Boundary } from '../../ui/Boundary'
import { Button } from '../../ui/Button'
import { Copy } from '../../ui/Copy'
import { Dialog } from '../../ui/Dialog'
import { useKeys } from '../../ui/keys'
import { Menu } from '../../ui/Menu'
import { RunDot } from '../../ui/RunDot'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { StateIcon } from '../../ui/StateIcon'
import { Tags } from '../../ui/Tags'
import { Name } from '../../ui/Text'
import { EditableName } from './EditableName'
import { Overview } from './Overview'
import { RunCharts } from './RunCharts'
import { usePlace } from '../../ui/usePlace'

const Console = lazy(() => import('./Console').then((module) => ({ default: module.Console })))
const RunArtifacts = lazy(() => import('./RunArtifacts').then((module) => ({ default: module.RunArtifacts })))
const Files = lazy(() => import('./Files').then((module) => ({ default: module.Files })))

const TABS = [
  ['overview', 'Overview'],
  ['charts', 'Charts'],
  ['system', 'System'],
  ['console', 'Console'],
  ['files', 'Files'],
  ['artifacts', 'Artifacts'],
] as const

export function RunPage() {
  const { entity = '', project = '', run: id = '', tab = 'overview' } = usePlace()
  const at = useMemo(() => ({ entity, project, run: id }), [entity, project, id])
  const client = useQueryClient()
  const options = runQuery(at)
  const query = useQuery(options)
  const { refetch, data: run } = query
  const navigate = useNavigate()

  useLive(at, (batch) => {
    const change = batch.runs.get(id)
    const step = batch.history.get(id)?.last_step
    if (change || step !== undefined) {
      client.setQueryData<RunDetail>(
        options.queryKey,
        (old) => old && { ...old, ...change, last_step: step ?? change?.last_step ?? old.last_step },
      )
    }
    if (batch.caughtUp || batch.summary.has(id) || change) void refetch({ cancelRefetch: false })
  })
  useEffect(() => {
    document.title = `${run?.name ?? id} · Kymograph`
  }, [run?.name, id])
  useKeys({
    'g w': () => void navigate({ to: '/$entity/$project', params: { entity, project } }),
    'g p': () => void navigate({ to: '/' }),
    Escape: () => tooltip().release(),
  })

  if (query.error && !run) {
    return (
      <div className="page-middle">
        <ErrorNote what="This run could not be opened" error={query.error} onRetry={() => void refetch()} />
      </div>
    )
  }
  if (!run) return <SkeletonRows rows={10} label="Loading the run" />
  return (
    <div className="run-page">
      <RunHeader at={at} run={run} />
      <nav className="tabs" aria-label="Parts of the run">
        {TABS.map(([key, label]) => (
          <Link
            key={key}
            {...(key === 'overview'
              ? { to: '/$entity/$project/runs/$run', params: at }
              : { to: '/$entity/$project/runs/$run/$tab', params: { ...at, tab: key } })}
            className="tab"
            activeOptions={{ exact: true, includeSearch: false }}
          >
            {label}
            {key === 'files' && run.file_count > 0 && (
              <span className="faint"> {formatNumber(run.file_count)}</span>
            )}
          </Link>
        ))}
      </nav>
      <Boundary key={tab} what={`The tab ${tab}`}>
        <Suspense fallback={<SkeletonRows rows={8} label="Loading" />}>
          <Tab tab={tab} at={at} run={run} />
        </Suspense>
      </Boundary>
    </div>
  )
}

function Tab({ tab, at, run }: { tab: string; at: RunRef; run: RunDetail }) {
  if (tab === 'overview') return <Overview at={at} run={run} />
  if (tab === 'charts') return <RunCharts at={at} run={run} stream="history" />
  if (tab === 'system') return <RunCharts at={at} run={run} stream="system" />
  if (tab === 'console') return <Console key={at.run} at={at} live={RUNNING_STATES.has(run.state)} />
  if (tab === 'files') return <Files at={at} />
  if (tab === 'artifacts') return <RunArtifacts at={at} />
  return <EmptyState title="A run has no such part" />
}

function RunHeader({ at, run }: { at: RunRef; run: RunDetail }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [asked, setAsked] = useState(false)
  const options = runQuery(at)
  const change = useMutation({
    mutationFn: (patch: Parameters<typeof changeRun>[1]) => changeRun(at, patch),
    // Shown at once; a failure puts the old value back beside the reason.
    onMutate: (patch) => {
      const before = client.getQueryData<RunDetail>(options.queryKey)
      if (before) client.setQueryData<RunDetail>(options.queryKey, { ...before, ...patch })
      return before
    },
    onError: (_error, _patch, before) => client.setQueryData(options.queryKey, before),
    onSuccess: (next) => {
      client.setQueryData(options.queryKey, next)
      void client.invalidateQueries({ queryKey: ['runs'] })
    },
  })
  const stop = useMutation({
    mutationFn: () => stopRun(at),
    onSuccess: () => client.invalidateQueries(options),
  })
  const remove = useMutation({
    mutationFn: () => deleteRun(at),
    onSuccess: async () => {
      client.removeQueries({ queryKey: ['runs'] })
      await navigate({ to: '/$entity/$project', params: { entity: at.entity, project: at.project } })
    },
  })
  const running = RUNNING_STATES.has(run.state)
  const problem = change.error ?? stop.error ?? remove.error
  return (
    <header className="run-header">
      <div className="run-header-row">
        <RunDot color={run.color} large />
        <h1>
          <EditableName name={run.name} onChange={(name) => change.mutate({ name })} />
        </h1>
        <StateIcon state={run.state} word />
        {run.last_step !== null && <span className="faint">step {formatNumber(run.last_step)}</span>}
        <Duration run={run} />
        <span className="run-id mono faint">
          {run.id}
          <Copy text={run.id} label="Copy the run id" small />
        </span>
        <Tags tags={run.tags} onChange={(tags) => change.mutate({ tags })} />
        <span className="topbar-space" />
        {run.stop_requested && running && <span className="faint">stop requested</span>}
        {running && !run.stop_requested && (
          <Button icon="stop" onClick={() => stop.mutate()}>
            Stop
          </Button>
        )}
        <Link
          to="/$entity/$project"
          params={{ entity: at.entity, project: at.project }}
          search={{ sel: run.id }}
          className="button is-plain"
        >
          Open in workspace
        </Link>
        <Menu
          icon="more"
          label="More"
          items={[{ label: 'Delete run …', danger: true, onSelect: () => setAsked(true) }]}
        />
      </div>
      {problem && (
        <p className="run-problem is-err" role="alert">
          Not saved: {problem.message}
        </p>
      )}
      {asked && (
        <Dialog title="Delete this run?" onClose={() => setAsked(false)}>
          <p>
            <Name>{run.name}</Name>
          </p>
          <p>
            {formatNumber(run.history_lines)} history rows, {formatNumber(run.file_count)} files. It leaves
            all lists.
          </p>
          <div className="dialog-actions">
            <Button onClick={() => setAsked(false)}>Keep</Button>
            <Button look="primary" disabled={remove.isPending} onClick={() => remove.mutate()}>
              Delete run
            </Button>
          </div>
        </Dialog>
      )}
    </header>
  )
}

/** A running run's clock goes on between heartbeats. */
function Duration({ run }: { run: RunDetail }) {
  const now = useNow()
  const started = run.started_at ?? run.created_at
  const seconds =
    run.state === 'running'
      ? Math.max(run.duration_s ?? 0, (now - Date.parse(started)) / 1000)
      : run.duration_s
  return (
    <span className="faint number" title="Duration">
      {formatDuration(seconds)}
    </span>
  )
}
