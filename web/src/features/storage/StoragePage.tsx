/** What takes the space of a project, and how to get it back. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useMemo, useState, type ReactNode } from 'react'
import { setTimeToLive, storageQuery, storedCollectionsQuery } from '../../api/artifacts'
import type { ProjectRef } from '../../api/queries'
import { artifactSplat, type CollectionStorage, type ProjectStorage } from '../../core/artifacts'
import { formatBytes, formatNumber, plural } from '../../core/format'
import { Button } from '../../ui/Button'
import { Menu } from '../../ui/Menu'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { usePlace } from '../../ui/usePlace'
import { CleanUpDialog } from './CleanUpDialog'
import { Trash } from './Trash'

const DAY_S = 86_400
const LIFETIMES = [
  ['For ever', 0],
  ['7 days', 7 * DAY_S],
  ['30 days', 30 * DAY_S],
  ['90 days', 90 * DAY_S],
  ['1 year', 365 * DAY_S],
] as const

export function StoragePage() {
  const { entity = '', project = '' } = usePlace()
  const at = useMemo(() => ({ entity, project }), [entity, project])
  const query = useQuery(storageQuery(at))
  const [cleaned, setCleaned] = useState<{ collection?: string } | null>(null)

  useEffect(() => {
    document.title = `Storage · ${project} · Kymograph`
  }, [project])

  if (query.error && !query.data) {
    return (
      <div className="page-middle">
        <ErrorNote
          what="The storage could not be read"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      </div>
    )
  }
  if (!query.data) return <SkeletonRows rows={8} label="Loading the storage" />
  const storage = query.data
  return (
    <div className="page" data-scroller>
      <div className="page-head">
        <h1>Storage</h1>
        <span className="faint" title={`${formatNumber(storage.stored_bytes + storage.run_bytes)} bytes`}>
          {formatBytes(storage.stored_bytes + storage.run_bytes)}
        </span>
        <span className="topbar-space" />
        <Button look="primary" icon="trash" onClick={() => setCleaned({})}>
          Clean up …
        </Button>
      </div>
      <Parts storage={storage} />
      <Lifetime at={at} storage={storage} />
      <Collections at={at} onClean={(collection) => setCleaned({ collection })} />
      <Trash at={at} storage={storage} />
      {cleaned && <CleanUpDialog at={at} {...cleaned} onClose={() => setCleaned(null)} />}
    </div>
  )
}

/** One bar for everything, and what its parts are. */
function Parts({ storage }: { storage: ProjectStorage }) {
  const parts: readonly { key: string; label: string; bytes: number; note: string }[] = [
    {
      key: 'live',
      label: 'Artifacts',
      bytes: storage.live_bytes,
      note: `${plural(storage.versions, 'version')}, ${plural(storage.live_objects, 'stored file')}`,
    },
    { key: 'runs', label: 'Runs', bytes: storage.run_bytes, note: 'files and histories' },
    {
      key: 'trash',
      label: 'Trash',
      bytes: storage.trashed_bytes,
      note: `${plural(storage.trashed_versions, 'version')} that can come back`,
    },
    {
      key: 'drafts',
      label: 'Drafts',
      bytes: storage.draft_bytes,
      note: `${plural(storage.drafts, 'upload')} under way`,
    },
  ]
  const total = Math.max(1, ...[parts.reduce((sum, { bytes }) => sum + bytes, 0)])
  return (
    <section className="card storage-parts" aria-label="What takes the space">
      <div className="storage-bar" aria-hidden="true">
        {parts.map(({ key, bytes }) => (
          <span key={key} className={`is-${key}`} style={{ flexGrow: bytes / total }} />
        ))}
      </div>
      <dl className="storage-legend">
        {parts.map(({ key, label, bytes, note }) => (
          <div key={key}>
            <dt>
              <span className={`storage-mark is-${key}`} aria-hidden="true" /> {label}
            </dt>
            <dd title={`${formatNumber(bytes)} bytes`}>
              <strong>{formatBytes(bytes)}</strong>
              <span className="faint">{note}</span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function Lifetime({ at, storage }: { at: ProjectRef; storage: ProjectStorage }) {
  const client = useQueryClient()
  const change = useMutation({
    mutationFn: (seconds: number | null) => setTimeToLive(at, seconds),
    onSuccess: (next) => client.setQueryData(storageQuery(at).queryKey, next),
  })
  const inherited = storage.ttl_s === null
  const known = LIFETIMES.find(([, seconds]) => seconds === (storage.ttl_s ?? -1))
  const label = inherited
    ? `As ${at.entity} says: ${lifetimeWord(storage.effective_ttl_s)}`
    : (known?.[0] ?? lifetimeWord(storage.ttl_s))
  return (
    <div className="storage-lifetime">
      <span>Versions without a time to live of their own stay</span>
      <Menu
        label="Time to live"
        items={[
          { label: `As ${at.entity} says`, checked: inherited, onSelect: () => change.mutate(null) },
          ...LIFETIMES.map(([word, seconds]) => ({
            label: word,
            checked: storage.ttl_s === seconds,
            onSelect: () => change.mutate(seconds),
          })),
        ]}
      >
        <bdi>{label}</bdi>
      </Menu>
      {change.error && (
        <span className="is-err" role="alert">
          Not saved: {change.error.message}
        </span>
      )}
    </div>
  )
}

function lifetimeWord(seconds: number | null): string {
  if (seconds === null || seconds === 0) return 'for ever'
  return plural(Math.round(seconds / DAY_S), 'day')
}

const ORDERS = [
  ['own', 'Own'],
  ['content', 'Own + shared'],
  ['name', 'Name'],
] as const

function Collections({ at, onClean }: { at: ProjectRef; onClean: (collection: string) => void }) {
  const [order, setOrder] = useState<'own' | 'content' | 'name'>('own')
  const query = useInfiniteQuery(storedCollectionsQuery(at, order))
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const total = query.data?.pages[0]?.total ?? 0
  const most = Math.max(1, ...rows.map((row) => row.own_bytes + row.shared_bytes))
  let content: ReactNode
  if (query.error) {
    content = (
      <ErrorNote
        what="The collections could not be listed"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  } else if (query.isPending) content = <SkeletonRows rows={6} label="Loading the collections" />
  else if (rows.length === 0) content = <EmptyState title="No artifacts yet" />
  else {
    content = (
      <table className="table is-dense" aria-label="Collections by size">
        <thead>
          <tr>
            <th scope="col">Collection</th>
            <th scope="col">Type</th>
            <th scope="col" className="is-number">
              Versions
            </th>
            <th scope="col" className="storage-column">
              <span className="storage-mark is-live" /> own <span className="storage-mark is-shared" /> shared
            </th>
            <th scope="col" className="is-number" title="Would be free if the collection went">
              Own
            </th>
            <th scope="col" className="is-number" title="Other collections need it, too">
              Shared
            </th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <CollectionRow key={row.name} at={at} row={row} most={most} onClean={() => onClean(row.name)} />
          ))}
        </tbody>
      </table>
    )
  }
  return (
    <section aria-label="Collections">
      <div className="page-head">
        <h2>Collections</h2>
        <span className="faint">{formatNumber(total)}</span>
        <span className="topbar-space" />
        <div className="segments" role="group" aria-label="Sorted by">
          {ORDERS.map(([key, label]) => (
            <button key={key} type="button" aria-pressed={order === key} onClick={() => setOrder(key)}>
              {label}
            </button>
          ))}
        </div>
      </div>
      {content}
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more ({formatNumber(total - rows.length)} left)
        </Button>
      )}
    </section>
  )
}

interface CollectionRowProps {
  at: ProjectRef
  row: CollectionStorage
  most: number
  onClean: () => void
}

function CollectionRow({ at, row, most, onClean }: CollectionRowProps) {
  return (
    <tr>
      <th scope="row">
        <Link
          to="/$entity/$project/artifacts/$"
          params={{ ...at, _splat: artifactSplat({ type: row.type, collection: row.name }) }}
          className="table-link"
        >
          <Name>{row.name}</Name>
        </Link>
      </th>
      <td>
        <Name>{row.type}</Name>
      </td>
      <td className="is-number">
        {formatNumber(row.versions)}
        {row.trashed_versions > 0 && (
          <span className="faint"> +{formatNumber(row.trashed_versions)} in trash</span>
        )}
      </td>
      <td className="storage-column">
        <div className="storage-bar is-thin" aria-hidden="true">
          <span className="is-live" style={{ flexGrow: row.own_bytes / most }} />
          <span className="is-shared" style={{ flexGrow: row.shared_bytes / most }} />
          <span style={{ flexGrow: 1 - (row.own_bytes + row.shared_bytes) / most }} />
        </div>
      </td>
      <td className="is-number" title={`${formatNumber(row.own_bytes)} bytes`}>
        {formatBytes(row.own_bytes)}
      </td>
      <td className="is-number" title={`${formatNumber(row.shared_bytes)} bytes`}>
        {formatBytes(row.shared_bytes)}
      </td>
      <td className="is-number">
        <Button className="is-bare" onClick={onClean}>
          Clean up …
        </Button>
      </td>
    </tr>
  )
}
