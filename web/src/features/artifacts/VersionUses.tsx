/** Runs that used a version. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { usesQuery, type VersionRef } from '../../api/artifacts'
import { formatNumber } from '../../core/format'
import { RunName } from '../../panels/RunName'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Text } from '../../ui/Text'

export function VersionUses({ at }: { at: VersionRef }) {
  const query = useInfiniteQuery(usesQuery(at))
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const total = query.data?.pages[0]?.total ?? 0
  if (query.error) {
    return (
      <ErrorNote
        what="The runs could not be listed"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (query.isPending) return <SkeletonRows rows={8} label="Loading the runs" />
  if (rows.length === 0) {
    return (
      <EmptyState title="No run has used this version">
        <p>
          A run does so with <code>run.use_artifact(…)</code>.
        </p>
      </EmptyState>
    )
  }
  return (
    <div className="version-body" data-scroller>
      <table className="table is-dense" aria-label="Runs that used this version">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Job type</th>
            <th scope="col">Used as</th>
            <th scope="col">Used</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ run, used_as: usedAs, used_at: usedAt }) => (
            <tr key={`${run.entity}/${run.project}/${run.id}`}>
              <th scope="row">
                <RunName run={run} />
              </th>
              <td>
                {run.job_type === null ? <span className="faint">–</span> : <Text>{run.job_type}</Text>}
              </td>
              <td>{usedAs === null ? <span className="faint">–</span> : <Text>{usedAs}</Text>}</td>
              <td>
                <Ago iso={usedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more ({formatNumber(total - rows.length)} left)
        </Button>
      )}
    </div>
  )
}
