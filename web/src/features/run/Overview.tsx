/** Config, summary and facts of a run, side by side. */

import { Link } from '@tanstack/react-router'
import { useMemo, type ReactNode } from 'react'
import {
  decodeLogged,
  decodeLoggedMap,
  encodeLogged,
  isMap,
  type Logged,
  type LoggedMap,
} from '../../core/exact'
import { isTyped, pathOfTyped } from '../../core/media'
import { formatBytes, formatDuration, formatLogged, formatNumber } from '../../core/format'
import type { RunDetail } from '../../core/types'
import type { RunRef } from '../../api/queries'
import { ValueCard } from '../../panels/ValueCard'
import { Ago } from '../../ui/Ago'
import { StateIcon } from '../../ui/StateIcon'
import { Text } from '../../ui/Text'

export function Overview({ at, run }: { at: RunRef; run: RunDetail }) {
  const fileLink = (value: Logged): ReactNode => <FileLink at={at} value={value} />
  const config = useMemo(() => decodeLoggedMap(run.config), [run.config])
  const summary = useMemo(() => decodeLoggedMap(run.summary), [run.summary])
  const metadata = useMemo(() => decodeLogged(run.metadata), [run.metadata])
  return (
    <div className="overview" data-scroller>
      <ValueCard title="Config" map={config} empty="This run has no config." />
      <ValueCard title="Summary" map={summary} empty="Nothing summarised yet." sorted fileLink={fileLink} />
      <div className="overview-facts">
        <Facts run={run} metadata={isMap(metadata) ? metadata : new Map()} />
        {run.notes !== null && run.notes !== '' && (
          <section className="card" aria-label="Notes">
            <header className="card-head">
              <h2>Notes</h2>
            </header>
            <div className="card-body is-text">
              <Text>{run.notes}</Text>
            </div>
          </section>
        )}
        {isMap(metadata) && metadata.size > 0 && <ValueCard title="Metadata" map={metadata} empty="" />}
      </div>
    </div>
  )
}

function FileLink({ at, value }: { at: RunRef; value: Logged }) {
  const file = isTyped(value) ? pathOfTyped(value) : null
  if (file === null) return null
  return (
    <Link
      to="/$entity/$project/runs/$run/$tab"
      params={{ ...at, tab: 'files' }}
      search={{ file }}
      className="link"
    >
      {' '}
      show
    </Link>
  )
}

function Facts({ run, metadata }: { run: RunDetail; metadata: LoggedMap }) {
  const git = metadata.get('git')
  const rows: [string, ReactNode][] = [
    ['State', <StateIcon key="state" state={run.state} word />],
    ['Created', <Ago key="created" iso={run.created_at} />],
    ['Duration', formatDuration(run.duration_s)],
  ]
  const put = (name: string, value: ReactNode): void => {
    if (value !== null && value !== undefined && value !== '') rows.push([name, value])
  }
  put('Last heartbeat', run.heartbeat_at === null ? null : <Ago iso={run.heartbeat_at} />)
  put('Finished', run.finished_at === null ? null : <Ago iso={run.finished_at} />)
  put('Exit code', run.exit_code === null ? null : formatNumber(run.exit_code))
  put('User', run.user === null ? null : <Text>{run.user}</Text>)
  put('Host', run.host === null ? null : <Text>{run.host}</Text>)
  put('Group', run.group === null ? null : <Text>{run.group}</Text>)
  put('Job type', run.job_type === null ? null : <Text>{run.job_type}</Text>)
  put('Sweep', run.sweep === null ? null : <Text>{run.sweep}</Text>)
  put('Command', commandOf(metadata))
  put('Git', isMap(git) ? <Text>{formatLogged(git.get('commit') ?? '')}</Text> : null)
  put('History', `${formatNumber(run.history_lines)} rows`)
  put('Console', `${formatNumber(run.console_lines)} lines`)
  put('Files', `${formatNumber(run.file_count)} · ${formatBytes(run.storage_bytes)}`)
  return (
    <section className="card" aria-label="Facts">
      <header className="card-head">
        <h2>Facts</h2>
      </header>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function commandOf(metadata: LoggedMap): ReactNode {
  const program = metadata.get('program')
  if (typeof program !== 'string' || program === '') return null
  const args = metadata.get('args')
  const words = Array.isArray(args)
    ? args.map((arg) => (typeof arg === 'string' ? arg : encodeLogged(arg as never)))
    : []
  return (
    <span className="mono">
      <Text>{[program, ...words].join(' ')}</Text>
    </span>
  )
}
