/** Types, collections and versions: three lists that keep their place while one looks around. */

import {
  useInfiniteQuery,
  useQuery,
  type InfiniteData,
  type UseInfiniteQueryResult,
} from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState, type KeyboardEvent, type ReactNode } from 'react'
import { artifactTypesQuery, collectionsQuery, versionsQuery, type CollectionRef } from '../../api/artifacts'
import type { ProjectRef } from '../../api/queries'
import { artifactSplat, isAutomaticType, type ArtifactVersion } from '../../core/artifacts'
import { formatBytes, formatNumber, plural } from '../../core/format'
import type { Page } from '../../core/types'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { moveAmongRows } from '../../ui/rows'
import { Search } from '../../ui/Search'
import { ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { ALIAS_TYPE, AliasChips, draggedAlias } from './AliasChips'
import { useAliases } from './useAliases'

interface ColumnProps {
  title: string
  tools?: ReactNode
  count?: number | undefined
  children: ReactNode
}

function Column({ title, tools, count, children }: ColumnProps) {
  return (
    <section className="column" aria-label={title}>
      <header className="column-head">
        <h2>{title}</h2>
        {count !== undefined && <span className="faint">{formatNumber(count)}</span>}
        {tools}
      </header>
      <nav className="column-rows" aria-label={title} onKeyDown={(event) => moveInColumns(event)}>
        {children}
      </nav>
    </section>
  )
}

/** Up and down within a column, left and right between columns. */
function moveInColumns(event: KeyboardEvent<HTMLElement>): void {
  if (event.target instanceof HTMLInputElement) return
  if (moveAmongRows(event, '.column-row > a')) return
  if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
  const columns = [...document.querySelectorAll<HTMLElement>('.column-rows')]
  const next = columns[columns.indexOf(event.currentTarget) + (event.key === 'ArrowRight' ? 1 : -1)]
  const row =
    next?.querySelector<HTMLElement>('a[aria-current]') ?? next?.querySelector<HTMLElement>('.column-row > a')
  if (!row) return
  event.preventDefault()
  row.focus()
}

const LINK = '/$entity/$project/artifacts/$' as const

export function TypeColumn({ at, type }: { at: ProjectRef; type: string | undefined }) {
  const query = useQuery(artifactTypesQuery(at))
  const types = query.data?.items ?? []
  const ordered = [...types].sort((a, b) => Number(isAutomaticType(a.name)) - Number(isAutomaticType(b.name)))
  return (
    <Column title="Types">
      <Loading what="The types" query={query} />
      {ordered.map((found) => (
        <div key={found.name} className={`column-row ${isAutomaticType(found.name) ? 'is-automatic' : ''}`}>
          <Link
            to={LINK}
            params={{ ...at, _splat: artifactSplat({ type: found.name }) }}
            activeOptions={{ exact: true }}
            aria-current={found.name === type ? 'true' : undefined}
            title={`${plural(found.collections, 'collection')}, ${plural(found.versions, 'version')}`}
          >
            <Name>{found.name}</Name>
            <span className="column-side">{formatNumber(found.collections)}</span>
          </Link>
        </div>
      ))}
    </Column>
  )
}

interface CollectionColumnProps {
  at: ProjectRef
  type: string
  collection: string | undefined
}

export function CollectionColumn({ at, type, collection }: CollectionColumnProps) {
  const [find, setFind] = useState('')
  const query = useInfiniteQuery(collectionsQuery(at, type, find))
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const total = query.data?.pages[0]?.total
  return (
    <Column
      title="Collections"
      count={total}
      tools={
        (find !== '' || (total ?? 0) > 8) && (
          <Search label="Filter collections" placeholder="Filter" value={find} onChange={setFind} />
        )
      }
    >
      <Loading what="The collections" query={query} />
      {rows.map((found) => (
        <div key={found.name} className="column-row">
          <Link
            to={LINK}
            params={{ ...at, _splat: artifactSplat({ type, collection: found.name }) }}
            activeOptions={{ exact: true }}
            aria-current={found.name === collection ? 'true' : undefined}
          >
            <Name>{found.name}</Name>
            <span className="column-side" title={plural(found.versions, 'version')}>
              {found.newest ?? 'empty'}
            </span>
          </Link>
        </div>
      ))}
      {total === 0 && (
        <p className="column-note">{find === '' ? 'No collection of this type.' : 'None matches.'}</p>
      )}
      <More query={query} left={(total ?? 0) - rows.length} />
    </Column>
  )
}

interface VersionColumnProps {
  at: CollectionRef
  type: string
  version: string | undefined
}

export function VersionColumn({ at, type, version }: VersionColumnProps) {
  const query = useInfiniteQuery(versionsQuery(at))
  const move = useAliases(at)
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const total = query.data?.pages[0]?.total
  return (
    <Column title="Versions" count={total}>
      <Loading what="The versions" query={query} />
      {rows.map((found) => (
        <VersionRow
          key={found.version}
          at={at}
          type={type}
          found={found}
          chosen={found.version === version || (version !== undefined && found.aliases.includes(version))}
          onMove={(alias, from) => void move({ alias, from, to: found.version })}
          chips={
            <AliasChips version={found.version} aliases={found.aliases} onMove={(one) => void move(one)} />
          }
        />
      ))}
      {total === 0 && <p className="column-note">No version yet.</p>}
      <More query={query} left={(total ?? 0) - rows.length} />
    </Column>
  )
}

interface VersionRowProps {
  at: CollectionRef
  type: string
  found: ArtifactVersion
  chosen: boolean
  onMove: (alias: string, from: string) => void
  chips: ReactNode
}

/** A version; aliases of others can be dropped on it. */
function VersionRow({ at, type, found, chosen, onMove, chips }: VersionRowProps) {
  const [over, setOver] = useState(false)
  const { entity, project, collection } = at
  return (
    <div
      className={`column-row is-version ${over ? 'is-over' : ''}`}
      data-version={found.version}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(ALIAS_TYPE)) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false)
        const dragged = draggedAlias(event.dataTransfer)
        if (!dragged) return
        event.preventDefault()
        if (dragged.from !== found.version) onMove(dragged.alias, dragged.from)
      }}
    >
      <Link
        to={LINK}
        params={{ entity, project, _splat: artifactSplat({ type, collection, version: found.version }) }}
        activeOptions={{ exact: true }}
        aria-current={chosen ? 'true' : undefined}
        title={found.run ? `made by ${found.run.name}` : undefined}
      >
        <span className="version-number">{found.version}</span>
        <span className="column-side">
          {formatBytes(found.size_bytes)} · <Ago iso={found.created_at} />
        </span>
      </Link>
      {found.aliases.length > 0 && chips}
    </div>
  )
}

interface LoadingProps {
  what: string
  query: { isPending: boolean; error: unknown; refetch: () => Promise<unknown> }
}

function Loading({ what, query }: LoadingProps) {
  if (query.error) {
    return (
      <ErrorNote
        what={`${what} could not be listed`}
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  return query.isPending ? <SkeletonRows rows={5} label={`Loading: ${what.toLowerCase()}`} /> : null
}

function More<T>({ query, left }: { query: UseInfiniteQueryResult<InfiniteData<Page<T>>>; left: number }) {
  if (!query.hasNextPage) return null
  return (
    <Button
      className="is-bare"
      disabled={query.isFetchingNextPage}
      onClick={() => void query.fetchNextPage()}
    >
      Show more ({formatNumber(left)} left)
    </Button>
  )
}
