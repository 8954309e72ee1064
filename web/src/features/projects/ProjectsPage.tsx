/** All projects, or those of one entity: a table, latest activity first. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'
import { projectsQuery, sessionQuery } from '../../api/queries'
import { formatBytes, formatNumber } from '../../core/format'
import type { Project } from '../../core/types'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Copy } from '../../ui/Copy'
import { useKeys } from '../../ui/keys'
import { Search } from '../../ui/Search'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { useAddress, usePlace } from '../../ui/usePlace'

export function ProjectsPage() {
  const { entity } = usePlace()
  const search = useAddress()
  const q = search['q'] ?? ''
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const projects = useInfiniteQuery({
    ...projectsQuery(q, entity ?? null),
    refetchInterval: 15_000,
  })
  const rows = projects.data?.pages.flatMap((page) => page.items) ?? []
  const total = projects.data?.pages[0]?.total ?? 0
  useKeys({ '/': () => field.current?.focus() })

  const setQ = (next: string): void => {
    void navigate({ to: '.', search: next === '' ? {} : { q: next }, replace: true })
  }
  return (
    <div className="page" data-scroller>
      <div className="page-head">
        <h1>{entity === undefined ? 'Projects' : <bdi>{entity}</bdi>}</h1>
        {projects.data && <span className="faint">{formatNumber(total)}</span>}
        <span className="topbar-space" />
        <Search
          ref={field}
          label="Filter projects"
          placeholder="Filter projects"
          hotkey="/"
          value={q}
          onChange={setQ}
          className="is-wide"
        />
      </div>
      {projects.error ? (
        <ErrorNote
          what="The projects could not be listed"
          error={projects.error}
          onRetry={() => void projects.refetch()}
        />
      ) : projects.isPending ? (
        <SkeletonRows rows={6} label="Loading projects" />
      ) : rows.length > 0 ? (
        <ProjectTable rows={rows} />
      ) : q === '' ? (
        <FirstRun />
      ) : (
        <EmptyState title="No project matches">
          <Button onClick={() => setQ('')}>Clear the filter</Button>
        </EmptyState>
      )}
      {projects.hasNextPage && (
        <Button disabled={projects.isFetchingNextPage} onClick={() => void projects.fetchNextPage()}>
          Show more ({formatNumber(total - rows.length)} left)
        </Button>
      )}
    </div>
  )
}

function ProjectTable({ rows }: { rows: readonly Project[] }) {
  return (
    <table className="table" aria-label="Projects">
      <thead>
        <tr>
          <th scope="col">Project</th>
          <th scope="col" className="is-number">
            Runs
          </th>
          <th scope="col" className="is-number">
            Running
          </th>
          <th scope="col">Last activity</th>
          <th scope="col" className="is-number">
            Storage
          </th>
          <th scope="col">Activity 30 d</th>
          <th scope="col">Visibility</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.entity}/${row.name}`}>
            <th scope="row">
              <Link
                to="/$entity/$project"
                params={{ entity: row.entity, project: row.name }}
                className="table-link"
                preload="intent"
              >
                <span className="faint">
                  <bdi>{row.entity}</bdi> /{' '}
                </span>
                <Name>{row.name}</Name>
              </Link>
            </th>
            <td className="is-number">{formatNumber(row.run_count)}</td>
            <td className="is-number">
              {row.running_count > 0 ? (
                <span className="state is-info">
                  <span className="state-sign" aria-hidden="true">
                    ▶
                  </span>
                  {formatNumber(row.running_count)}
                </span>
              ) : (
                <span className="faint">–</span>
              )}
            </td>
            <td>
              <Ago iso={row.last_activity_at} />
            </td>
            <td className="is-number" title={`${formatNumber(row.storage_bytes)} bytes`}>
              {formatBytes(row.storage_bytes)}
            </td>
            <td>
              <Activity days={row.activity} />
            </td>
            <td className="faint">{row.visibility}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Runs per day as small bars. */
function Activity({ days }: { days: readonly number[] }) {
  const most = Math.max(1, ...days)
  const sum = days.reduce((a, b) => a + b, 0)
  return (
    <svg
      className="activity"
      width={days.length * 4}
      height={16}
      role="img"
      aria-label={`${sum} runs in ${days.length} days, at most ${Math.max(0, ...days)} a day`}
    >
      {days.map((count, index) => {
        const height = count === 0 ? 1 : 2 + Math.round((14 * count) / most)
        return (
          <rect
            key={index}
            className={count === 0 ? 'is-none' : ''}
            x={index * 4}
            y={16 - height}
            width={3}
            height={height}
          />
        )
      })}
    </svg>
  )
}

function FirstRun() {
  const session = useQuery(sessionQuery)
  const address = session.data?.server.public_url ?? window.location.origin
  const lines = [
    `export WANDB_BASE_URL=${address} WANDB_API_KEY=<your key>`,
    'pip install wandb   # the client this server is compatible with',
    "python -c \"import wandb; r = wandb.init(project='first'); r.log({'loss': 0.1}); r.finish()\"",
  ].join('\n')
  return (
    <EmptyState title="No project yet">
      <p>
        A project appears with its first run. <Link to="/authorize">Make an API key</Link>, then:
      </p>
      <pre className="code">{lines}</pre>
      <Copy text={lines} label="Copy" />
    </EmptyState>
  )
}
