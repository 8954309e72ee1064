/** What a version has and another one has not, and the other way round. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { diffQuery, versionsQuery, type VersionRef } from '../../api/artifacts'
import type { ChangeKind, DiffPage, EntryChange, VersionDetail } from '../../core/artifacts'
import { formatBytes, formatNumber, plural } from '../../core/format'
import { Button } from '../../ui/Button'
import { Menu } from '../../ui/Menu'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { useAddress } from '../../ui/usePlace'

const KINDS = [
  ['added', '+', 'added'],
  ['removed', '−', 'removed'],
  ['changed', '~', 'changed'],
] as const

export function VersionDiff({ at, version }: { at: VersionRef; version: VersionDetail }) {
  const search = useAddress()
  const navigate = useNavigate()
  const list = useInfiniteQuery(
    versionsQuery({ entity: at.entity, project: at.project, collection: at.collection }),
  )
  const others = (list.data?.pages.flatMap((page) => page.items) ?? []).filter(
    (row) => row.version !== version.version,
  )
  const before = others.find((row) => numberOf(row.version) < numberOf(version.version)) ?? others[0]
  const base = search['base'] ?? before?.version
  const kind = KINDS.find(([known]) => known === search['kind'])?.[0] ?? null
  const order = search['by'] === 'path' ? 'path' : 'size'
  const change = (next: { base?: string; kind?: string; by?: string }): void => {
    void navigate({
      to: '.',
      search: (old: Record<string, string>) => withoutEmpty({ ...old, ...next }),
      replace: true,
    })
  }
  if (list.isPending) return <SkeletonRows rows={6} label="Loading the versions" />
  if (base === undefined) {
    return (
      <EmptyState title={`${version.version} is the only version: there is nothing to compare it with`} />
    )
  }
  return (
    <div className="version-diff">
      <div className="toolbar">
        <Menu
          label="Compare with"
          items={others.map((row) => ({
            label: row.version,
            hint: row.aliases.join(', '),
            checked: row.version === base,
            onSelect: () => change({ base: row.version === before?.version ? '' : row.version }),
          }))}
        >
          <bdi>{base}</bdi>
        </Menu>
        <span className="faint">→ {version.version}</span>
        <Changes
          key={base}
          at={at}
          base={base}
          kind={kind}
          order={order}
          part="kinds"
          onKind={(one) => change({ kind: one })}
        />
        <span className="toolbar-space" />
        <div className="segments" role="group" aria-label="Sorted by">
          <button type="button" aria-pressed={order === 'size'} onClick={() => change({ by: '' })}>
            Size
          </button>
          <button type="button" aria-pressed={order === 'path'} onClick={() => change({ by: 'path' })}>
            Path
          </button>
        </div>
      </div>
      <Changes
        at={at}
        base={base}
        kind={kind}
        order={order}
        part="rows"
        onKind={(one) => change({ kind: one })}
      />
    </div>
  )
}

interface ChangesProps {
  at: VersionRef
  base: string
  kind: ChangeKind | null
  order: 'size' | 'path'
  /** The counts in the toolbar, or the list below it: both come with the same answer. */
  part: 'kinds' | 'rows'
  onKind: (kind: string) => void
}

function Changes({ at, base, kind, order, part, onKind }: ChangesProps) {
  const query = useInfiniteQuery(diffQuery(at, base, kind, order))
  const first = query.data?.pages[0]
  if (part === 'kinds') return first ? <Kinds totals={first.totals} kind={kind} onKind={onKind} /> : null
  if (query.error) {
    return (
      <ErrorNote
        what="The versions could not be compared"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!first) return <SkeletonRows rows={10} label="Comparing" />
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  if (rows.length === 0) {
    return (
      <EmptyState
        title={kind === null ? `${base} and ${at.version} hold the same files` : `Nothing was ${kind}`}
      />
    )
  }
  return (
    <div className="scroller diff-rows" tabIndex={0} data-scroller>
      <table className="table is-dense is-plain" aria-label="Differences">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" className="is-number">
              <bdi>{base}</bdi>
            </th>
            <th scope="col" className="is-number">
              {at.version}
            </th>
            <th scope="col" className="is-number">
              Difference
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.path} row={row} />
          ))}
        </tbody>
      </table>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more ({formatNumber(first.total - rows.length)} left)
        </Button>
      )}
    </div>
  )
}

function Kinds({
  totals,
  kind,
  onKind,
}: {
  totals: DiffPage['totals']
  kind: ChangeKind | null
  onKind: (kind: string) => void
}) {
  return (
    <div className="segments" role="group" aria-label="Show only">
      {KINDS.map(([key, sign, word]) => {
        const total = totals[key]
        const bytes = key === 'removed' ? total.old_bytes : total.new_bytes
        return (
          <button
            key={key}
            type="button"
            className={`change is-${key}`}
            aria-pressed={kind === key}
            disabled={total.files === 0}
            title={`${plural(total.files, 'file')}, ${formatBytes(bytes)}`}
            onClick={() => onKind(kind === key ? '' : key)}
          >
            <span aria-hidden="true">{sign}</span> {formatNumber(total.files)} {word}
          </button>
        )
      })}
    </div>
  )
}

function Row({ row }: { row: EntryChange }) {
  const sign = KINDS.find(([kind]) => kind === row.kind)?.[1]
  const difference = (row.new_bytes ?? 0) - (row.old_bytes ?? 0)
  return (
    <tr data-kind={row.kind}>
      <th scope="row">
        <span className={`change is-${row.kind}`} title={row.kind} role="img" aria-label={row.kind}>
          {sign}
        </span>
        <Name>{row.path}</Name>
      </th>
      <td className="is-number">
        {row.old_bytes === null ? <span className="faint">–</span> : formatBytes(row.old_bytes)}
      </td>
      <td className="is-number">
        {row.new_bytes === null ? <span className="faint">–</span> : formatBytes(row.new_bytes)}
      </td>
      <td className="is-number" title={`${formatNumber(difference)} bytes`}>
        {difference === 0 ? (
          <span className="faint">same size</span>
        ) : (
          `${difference > 0 ? '+' : '−'}${formatBytes(Math.abs(difference))}`
        )}
      </td>
    </tr>
  )
}

function numberOf(version: string): number {
  return Number(version.slice(1))
}

function withoutEmpty(search: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== ''))
}
